package repository

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// EventFilter narrows a list; a nil field does not.
type EventFilter struct {
	Types      []string // any of them; "payment.*" is every type that begins with "payment."
	ResourceID *uuid.UUID
}

func (f EventFilter) narrow(query *gorm.DB) *gorm.DB {
	if f.ResourceID != nil {
		query = query.Where("resource_id = ?", *f.ResourceID)
	}
	if f.Types == nil {
		return query
	}
	var types, groups []string // payment.succeeded; "payment." for payment.*
	for _, name := range f.Types {
		if group, ok := strings.CutSuffix(name, "*"); ok {
			groups = append(groups, group)
			continue
		}
		types = append(types, name)
	}
	return query.Where("(type IN ? OR split_part(type, '.', 1) || '.' IN ?)", types, groups)
}

func (f EventFilter) narrows() bool { return f.Types != nil || f.ResourceID != nil }

// List reads a page of events, newest first.
func (r *Events) List(ctx context.Context, merchant uuid.UUID, filter EventFilter, page Page) ([]models.Event, error) {
	return list[models.Event](filter.narrow(r.db.WithContext(ctx).Where("merchant_id = ?", merchant)), page)
}

// EventsAfter is a part of the log, oldest first.
type EventsAfter struct {
	Position    models.EventPosition
	Limit       int
	From, Until time.Time // only events made at From or later, and before Until; zero: no bound
}

// After reads the events behind a position, oldest first, and the position behind all that it has looked at. It never passes
// a transaction that has not ended: its events would be skipped for ever. So what is committed beside a long transaction
// of any database of the server is shown when that has ended.
//
// What bounds the page is read before the page. A transaction that had ended then has ended now, so the two need no common
// snapshot, and after a failover between the two what was lost is missing, and what is new has another epoch.
func (r *Events) After(ctx context.Context, merchant uuid.UUID, filter EventFilter, page EventsAfter) ([]models.Event, models.EventPosition, error) {
	db := r.db.WithContext(ctx)
	var ended models.EventPosition
	err := db.Raw(`SELECT CASE WHEN pg_is_in_recovery() THEN -1 ELSE event_epoch() END AS epoch,
		pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xact`).Scan(&ended).Error // a standby shows nothing, rather than too much
	if err != nil {
		return nil, page.Position, postgres.ReadError("find the transactions that have ended", err)
	}
	behind := db.Where("merchant_id = ? AND (epoch, xact, id) > (?, ?, ?) AND (epoch, xact) < (?, ?)",
		merchant, page.Position.Epoch, page.Position.Xact, page.Position.ID, ended.Epoch, ended.Xact)
	rows := []models.Event{}
	selected := bounded(filter.narrow(behind.Session(&gorm.Session{})), page.From, page.Until)
	if err := selected.Order("epoch, xact, id").Limit(page.Limit).Find(&rows).Error; err != nil {
		return nil, page.Position, postgres.ReadError("list events", err)
	}
	narrowed := filter.narrows() || !page.From.IsZero() || !page.Until.IsZero()
	if len(rows) == page.Limit || !narrowed {
		return rows, lastOf(rows, page.Position), nil
	}
	// All that is there was looked at. A poller goes on behind the last event of all, or it would look at the same ones
	// again each time. It is a row and not the bound itself: after a crash numbers that no commit has used are used again.
	var last []models.Event
	if err := behind.Select("epoch", "xact", "id").Order("epoch DESC, xact DESC, id DESC").Limit(1).Find(&last).Error; err != nil {
		return nil, page.Position, postgres.ReadError("find the last event", err)
	}
	return rows, lastOf(last, page.Position), nil
}

func lastOf(rows []models.Event, otherwise models.EventPosition) models.EventPosition {
	if len(rows) == 0 {
		return otherwise
	}
	return rows[len(rows)-1].Position()
}

// OpenLog looks whether the log is in the server that it was in before, and returns the key of its cursors. In another one, which
// counts transactions in its own way, events begin a new epoch; so it is called before the first event is written.
func (r *Events) OpenLog(ctx context.Context) (cursorKey uuid.UUID, err error) {
	var log struct {
		CursorKey uuid.UUID
		Moved     bool
	}
	err = r.db.WithContext(ctx).Raw(`SELECT l.cursor_key, l.server <> s.system_identifier AS moved
		FROM event_logs l, pg_control_system() s ORDER BY l.moves DESC LIMIT 1`).Scan(&log).Error
	if err != nil {
		return uuid.Nil, postgres.ReadError("open the log of events", err)
	}
	if !log.Moved {
		return log.CursorKey, nil
	}
	err = r.whole.Autocommit(ctx, func(tx *postgres.Tx) { // it may be another replica that does it
		tx.Returning("begin another epoch of events", `INSERT INTO event_logs (moves, server, cursor_key)
			SELECT l.moves + 1, s.system_identifier, l.cursor_key
			FROM (SELECT * FROM event_logs ORDER BY moves DESC LIMIT 1) l, pg_control_system() s WHERE l.server <> s.system_identifier
			ON CONFLICT (moves) DO NOTHING`, nil, nil)
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("begin another epoch of events: %w", err)
	}
	return log.CursorKey, nil
}
