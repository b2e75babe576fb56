// Package repository keeps payonce's rows: merchants and their API keys, orders, payments, the ledger, attempts at the provider
// and events. The records of idempotency keys are idempotency/postgres's.
//
// Reads, lists and cold paths go through GORM. The few statements of the hot path are SQL, queued in a [postgres.Tx] and sent as
// pgx batches, so that a transaction costs two round trips instead of ten. Only idempotency/postgres makes such a transaction: a
// zero one panics when a write is queued in it.
//
// Two rules make the batches safe:
//
//   - A conditional write that travels with COMMIT must raise in SQL when it touches no row, or the COMMIT behind it still runs.
//     [postgres.Tx.MustAffect] wraps an UPDATE or DELETE like that; [postgres.Tx.Insert] refuses a bare one.
//   - A locking read that travels with the claim of a key must not wait for a row when another request holds the key. The
//     first batch sets payonce.mine, and such reads carry the condition [postgres.WhenMine].
package repository
