// Package postgres is the authority of package idempotency: records in one table of PostgreSQL, written in the transaction of
// their effect.
//
// A [Store] needs a [Database] (connections), a [PrimaryMonitor] (the server's clock and timeline) and the table that package
// schema makes. Package service puts them together.
//
// # Statements travel together
//
// A round trip costs more than a statement. So a [Tx] queues statements, and sends them with the next Flush or with COMMIT.
// Two rules make that safe:
//
//   - A write that must touch a row raises in SQL when there is none, as [Tx.MustAffect] does: the COMMIT is already on its way
//     behind it, and would run otherwise. [Tx.Insert] and [Tx.Read] refuse a bare UPDATE or DELETE.
//   - A locking read that travels with the claim of a key carries [WhenMine], so that it never waits for a row when another
//     request has the key.
//
// # Connections
//
// There are three pools, so that none waits for another:
//
//   - New work waits for a connection for a second at most, and is refused then: in queues it would only grow old.
//   - The ends of what has begun (completions, releases, takeovers, resolved COMMITs) use the reserved pool, so that a burst of new
//     requests never keeps a charged payment from being recorded.
//   - The monitor has two connections, so that it reads the clock and the timeline while one of them is silent.
//
// A transaction that only queues statements holds none, and none is held while a provider is called.
package postgres
