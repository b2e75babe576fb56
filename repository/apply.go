package repository

import "context"

// Apply runs writes in a transaction of their own, in one round trip on the reserved pool: for the ends of operations
// whose idempotency record is already completed. Every write in it has to carry its own guard.
func (d *Database) Apply(ctx context.Context, writes func(*Unit) error) error {
	conn, err := d.reservedConn(ctx)
	if err != nil {
		return err
	}
	unit := &Unit{db: d, conn: conn}
	if err := writes(unit); err != nil {
		unit.abandon()
		return err
	}
	unit.queue = append(opening(), unit.queue...)
	return unit.commit(ctx)
}
