// Package repository keeps payonce's rows: the idempotency records, what the requests made, and the caches before them.
//
// PostgreSQL is the authority. Reads, lists and cold paths go through GORM. The few statements of the hot path are SQL,
// queued in a [Unit] and sent as pgx batches, so that a transaction costs two round trips instead of ten. A write takes
// a *Unit, and only [Idempotency] makes one: a write without its transaction does not compile.
//
// Two rules make the batches safe, and the Unit enforces both:
//
//   - A guard that travels with COMMIT must raise in SQL, or the COMMIT behind it still runs. [Unit.Guard] wraps an
//     UPDATE or DELETE so that touching no row fails the transaction; a bare one is refused.
//   - A locking read that rides with the claim of a key must not wait for a row when the key is somebody else's. The
//     first batch sets payonce.mine, and such reads carry the condition [WhenMine].
package repository
