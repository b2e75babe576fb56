// Command own is a service of its own that takes payonce's middleware, beside the same handler without it and behind the idempotency
// that most teams write first. Each handler reads a JSON body and makes one row.
//
//	/plain             one row through GORM, as it does by default: BEGIN, INSERT, COMMIT
//	/plain-autocommit  the same with SkipDefaultTransaction: an INSERT that commits by itself
//	/naive             SET NX in Redis, /plain, SET: doubles after a crash, a flush, and a client that hangs up
//	/protect-tx        payonce's ProtectTx, the row in SQL: it travels with the record of the key and COMMIT
//	/protect           payonce's Protect, the row in SQL: the key is looked up before the handler runs
//	/protect-gorm      payonce's ProtectTx, the row through GORM in the request's transaction
//	/do                payonce's Engine.Do, the row in SQL
//
// An effect outside the database, at the address in CHARGE_URL, between a row and its change:
//
//	/call-plain   INSERT, call, UPDATE through GORM
//	/call-naive   the same behind SET NX
//	/call         payonce's claim, call, completion
//
// No handler has a log, authentication or limits around it. Without REDIS_URL, payonce does with PostgreSQL alone, and there is no
// /naive. With the argument "charges" it is what CHARGE_URL names: it answers at once.
package main
