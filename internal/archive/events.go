package archive

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// Events copies events. They stay in their table: it is the audit log, deliveries refer to it, and readers of GET /v1/events are
// promised that none is missing.
type Events struct {
	Archiver
	events    *repository.Events
	merchants *repository.Merchants
}

// NewEvents returns an archiver of events. It opens nothing yet.
func NewEvents(cfg Config, events *repository.Events, merchants *repository.Merchants) *Events {
	return &Events{newArchiver(cfg, models.ArchiveEvents), events, merchants}
}

// Run copies all events that were made before a time and are not in this archive yet, batches of up to limit, and returns how many.
// Each merchant's are copied in the order of GET /v1/events?after=, up to the first one that is too young: none is ever passed over. An error of
// progress ends it.
func (e *Events) Run(ctx context.Context, limit int, before time.Time, progress func(copied int) error) (total int, err error) {
	if err := e.begin(ctx); err != nil {
		return 0, err
	}
	merchants, err := e.merchants.List(ctx)
	if err != nil {
		return 0, err
	}
	for _, merchant := range merchants {
		for n := limit; n == limit; { // a full batch: there may be more
			if n, err = e.batch(ctx, merchant.ID, limit, before); err != nil {
				return total, err
			}
			total += n
			if err = progress(total); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// batch copies a merchant's next events.
func (e *Events) batch(ctx context.Context, merchant uuid.UUID, limit int, before time.Time) (_ int, err error) {
	defer func() {
		if err != nil {
			e.abandon()
		}
	}()
	from, err := e.Files.Position(ctx, e.folder.id, merchant)
	if err != nil {
		return 0, err
	}
	rows, _, err := e.events.After(ctx, merchant, repository.EventFilter{}, repository.EventsAfter{Position: from, Limit: limit})
	if err != nil {
		return 0, err
	}
	var batch []entry
	for i := range rows {
		if !rows[i].CreatedAt.Before(before) {
			break // what stands behind it is copied with it, later
		}
		batch = append(batch, entry{eventLine(&rows[i]), rows[i].CreatedAt.UTC()})
	}
	if len(batch) == 0 {
		return 0, nil
	}
	if e.file == nil {
		if err := e.create(ctx); err != nil {
			return 0, err
		}
	}
	var next models.ArchiveFile
	err = e.Files.Apply(ctx, func(tx *postgres.Tx) (err error) {
		if next, err = e.write(tx, batch); err == nil {
			e.Files.Advance(tx, e.folder.id, merchant, from, rows[len(batch)-1].Position())
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(batch), e.kept(ctx, next)
}
