package postgres

import (
	"context"
	"time"
)

// Apply runs writes in a transaction of their own, in one round trip on the reserved pool, and one more for each Flush in them: for
// the ends of operations whose idempotency record is already completed. Each write in it carries its own condition. now is the
// transaction's time, by Postgres's clock.
func (d *Database) Apply(ctx context.Context, now time.Time, writes func(*Tx) error) error {
	tx := &Tx{db: d, now: now.UTC().Truncate(time.Microsecond)}
	tx.early = &early{first: opening(), take: d.reservedConn, failed: func(err error) error { return err }}
	defer tx.rollback() // of one that a read has begun and nothing ended
	if err := writes(tx); err != nil {
		return err
	}
	return tx.singleBatch(ctx)
}

// Autocommit sends what is queued without BEGIN, in one round trip on the reserved pool: reads, or one statement that
// writes. Recovery's reads and writes go this way, so that they don't wait behind new requests.
func (d *Database) Autocommit(ctx context.Context, queue func(*Tx)) error {
	tx := &Tx{db: d}
	queue(tx)
	return tx.autocommit(ctx, d.reservedConn)
}
