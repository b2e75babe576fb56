package repository

import "context"

// Apply runs writes in a transaction of their own, in one round trip on the reserved pool: for the ends of operations
// whose idempotency record is already completed. Every write in it has to carry its own guard.
func (d *Database) Apply(ctx context.Context, writes func(*Unit) error) error {
	unit := &Unit{db: d}
	if err := writes(unit); err != nil {
		return err
	}
	return unit.whole(ctx)
}

// Look runs queued reads in one round trip on the reserved pool: what recovery needs to know must not wait behind new
// requests.
func (d *Database) Look(ctx context.Context, reads func(*Unit)) error {
	unit := &Unit{db: d}
	reads(unit)
	return unit.alone(ctx, d.reservedConn)
}
