package check

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// record is what the store says about a key.
type record struct {
	id        keyID
	state     string
	status    int
	headers   []byte
	body      []byte
	sealed    bool
	completed *time.Time
	expires   *time.Time
	committed *time.Time // when the transaction that wrote it was; nil when PostgreSQL doesn't keep that
}

// checkRecords holds what clients saw against what was stored.
func (c *checker) checkRecords(ctx context.Context) error {
	committed, err := c.commitTime(ctx)
	if err != nil {
		return err
	}
	query := `SELECT merchant_id, key_hash, state, coalesce(status, 0), coalesce(headers::text, ''), body, sealed IS NOT NULL, completed_at, expires_at,
		` + committed + ` FROM idempotency_keys`
	err = each(ctx, c.in.DB, query, nil, func(scan func(dest ...any) error) error {
		var r record
		var merchant uuid.UUID
		var hash []byte
		if err := scan(&merchant, &hash, &r.state, &r.status, &r.headers, &r.body, &r.sealed, &r.completed, &r.expires, &r.committed); err != nil {
			return err
		}
		r.id.merchant = merchant
		copy(r.id.hash[:], hash)
		c.report.Records++
		if k := c.keys[r.id]; k != nil {
			k.stored = true
			return c.compare(k, &r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range c.keys {
		if k.status != 0 && !k.stored {
			c.report.violated(Committed, "no record of the key %s, under which %d was seen", k.key, k.status)
		}
	}
	return nil
}

// commitTime is the SQL for when a record's row was committed. Giving a key up writes that on its record, which was committed before.
func (c *checker) commitTime(ctx context.Context) (string, error) {
	setting, err := list(ctx, c.in.DB, "SELECT setting FROM pg_settings WHERE name = 'track_commit_timestamp'")
	if err != nil {
		return "", err
	}
	if len(setting) == 1 && setting[0] == "on" {
		return "CASE WHEN canceled_at IS NULL THEN pg_xact_commit_timestamp(xmin) END", nil
	}
	return "NULL::timestamptz", nil
}

func (c *checker) compare(k *keyState, r *record) error {
	if k.expires && (r.state == "in_progress" || (r.state == "completed" && r.expires != nil && At(*r.expires) > k.expired+c.in.slack())) {
		c.report.violated(NotExpired, "410 was seen under the key %s, which is %s", k.key, r.state)
	}
	if k.status == 0 {
		return nil
	}
	c.report.Compared++
	if r.state == "in_progress" {
		c.report.violated(Committed, "%d was seen under the key %s, which is in progress", k.status, k.key)
		return nil
	}
	if r.state == "completed" {
		header, err := headersOf(r.headers)
		if err != nil {
			return fmt.Errorf("the record of the key %s: %w", k.key, err)
		}
		if r.sealed && len(c.in.Secrets) == 0 { // what it answers can't be seen
			if r.status != int(k.status) {
				c.report.violated(Committed, "the answer %d that was seen under the key %s is stored as %d", k.status, k.key, r.status)
			}
			return nil
		}
		body, err := c.open(r.id, r.sealed, r.body)
		if err != nil {
			c.report.violated(Committed, "the record of the key %s doesn't open: %v", k.key, err)
			return nil
		}
		if digestOf(r.status, header, body) != k.outcome {
			c.report.violated(Committed, "the answer %d that was seen under the key %s is not the one that is stored: %d %s", k.status, k.key, r.status, body)
		}
	} else if r.status != int(k.status) {
		c.report.violated(Committed, "%d was seen under the key %s; its tombstone says %d", k.status, k.key, r.status)
	}
	c.compareTime(k, r)
	return nil
}

// compareTime: no client sees what is not committed. Without the time of the commit, that at which it was prepared has to do.
func (c *checker) compareTime(k *keyState, r *record) {
	if !c.in.SameClock {
		return
	}
	at, slack := r.completed, c.in.slack()
	if r.state == "completed" && r.committed != nil { // cleanup, too, commits the row
		at, slack = r.committed, 0 // the server's own clock, whatever its statements are told
		c.report.CommitTimes++
	}
	if at != nil && At(*at) > k.seen+slack {
		c.report.violated(CommittedBefore, "the key %s: committed %s, seen %s", k.key, at.UTC().Format(time.RFC3339Nano), k.seen.Time().Format(time.RFC3339Nano))
	}
}

// headersOf reads the stored list of headers.
func headersOf(stored []byte) (map[string]string, error) {
	if len(stored) == 0 {
		return nil, nil
	}
	var list []struct{ Name, Value string }
	if err := json.Unmarshal(stored, &list); err != nil {
		return nil, fmt.Errorf("stored headers: %w", err)
	}
	headers := map[string]string{}
	for _, h := range list {
		headers[h.Name] = h.Value
	}
	return headers, nil
}
