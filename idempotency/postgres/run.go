package postgres

import (
	"context"

	"github.com/payonce/payonce/idempotency/postgres/session"
)

// Run is a claim without a key: a transaction of the service's own, on the reserved pool, for work that no client asked for. The reads
// travel with BEGIN, and carry WhenMine like those of a key's claim; run queues the writes, which travel with COMMIT.
func (d *Database) Run(ctx context.Context, reads func(*Tx), run func(context.Context, *Tx) error) error {
	tx := &Tx{db: d}
	tx.add(beginStatement())
	tx.Read("now", `SELECT now(), set_config('payonce.mine', 'true', true), `+session.Durable, nil, func(scan func(...any) error) error {
		return scan(&tx.now, nil, nil)
	})
	reads(tx)
	if err := tx.begin(ctx, d.reservedConn); err != nil {
		return err
	}
	defer tx.rollback() // of one that nothing ended
	tx.now = tx.now.UTC()
	if err := run(ctx, tx); err != nil {
		return err
	}
	return tx.commit(ctx)
}
