package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/payonce/payonce/bench/load"
	"github.com/payonce/payonce/idempotency"
)

// begin makes the first order, whose answer is the pattern of all prepared ones.
func (t *site) begin(ctx context.Context) error {
	next := t.ordersAt(ordersPath, t.numbered("pattern"))
	return load.Each(ctx, t.service.address, 0, 1, 201, next, func(answer load.Answer) {
		t.first = append([]byte{}, answer.Body...)
	})
}

// moreOrders makes n unpaid orders.
func (t *site) moreOrders(ctx context.Context, n int) error {
	columns := []string{"merchant_id", "id", "currency", "amount_total"}
	made, err := t.rows.CopyFrom(ctx, pgx.Identifier{"orders"}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		return []any{pgUUID(t.merchant), pgUUID(orderID(t.orders.made + i)), "EUR", orderAmount}, nil
	}))
	t.orders.made += int(made)
	return err
}

var recordColumns = []string{
	"merchant_id", "key_hash", "fingerprint", "method", "path", "state", "claim_id", "fence", "resource_type", "resource_id",
	"status", "headers", "body", "created_at", "completed_at", "expires_at",
}

// moreRecords makes n completed records of first orders, none of which has been replayed yet.
func (t *site) moreRecords(ctx context.Context, n int) error {
	made, err := t.copyRecords(ctx, n, expires)
	t.records.made += made
	return err
}

// copyRecords makes records whose replay ends so long from now; a negative time is over.
func (t *site) copyRecords(ctx context.Context, n int, left time.Duration) (int, error) {
	row := t.recordRow(left)
	made, err := t.rows.CopyFrom(ctx, pgx.Identifier{"idempotency_keys"}, recordColumns, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		return row(t.records.made + i), nil
	}))
	if err != nil {
		err = fmt.Errorf("copy records: %w", err)
	}
	return int(made), err
}

// recordRow makes the rows of completed records.
func (t *site) recordRow(left time.Duration) func(i int) []any {
	headers, _ := json.Marshal(storedHeaders()) //nolint:errchkjson // two strings each
	fingerprint, now := orderFingerprint(), time.Now().UTC()
	completed, end := now, now.Add(left)
	if left < 0 {
		completed = now.Add(left - time.Hour)
	}
	return func(i int) []any {
		hash := t.recordKey(i).Hash()
		return []any{
			pgUUID(t.merchant), hash[:], fingerprint[:], "POST", ordersPath, "completed", pgUUID(idempotency.NewClaimID()), int64(1),
			"order", pgUUID(orderID(i)), int16(201), string(headers), t.first, completed, completed, end,
		}
	}
}

func pgUUID[ID ~[16]byte](id ID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// publish puts n prepared records into an empty Redis, as another replica would have. A gate drops what it can't send in
// time; here it is offered again.
func (t *site) publish(ctx context.Context, first, n int) error {
	for try := 0; ; try++ {
		t.offer(ctx, first, n)
		held, err := t.client.DBSize(ctx).Result()
		if err != nil || int(held) >= n {
			return err
		}
		if try == 10 {
			return fmt.Errorf("of %d records only %d got into Redis", n, held)
		}
	}
}

func (t *site) offer(ctx context.Context, first, n int) {
	const together = 256
	at, timeline := t.watch.Now(), t.watch.Timeline()
	var group sync.WaitGroup
	var taken atomic.Int64
	for range together {
		group.Go(func() {
			for i := int(taken.Add(1)) - 1; i < n; i = int(taken.Add(1)) - 1 {
				t.gate.Publish(ctx, t.record(first+i, at, timeline))
			}
		})
	}
	group.Wait()
}
