// Package middleware holds payonce's Gin middleware, one per file.
//
// idempotency.go is the one that other services take: [Idempotency.Protect] puts plain Gin handlers behind the engine
// in one line ([Idempotency.ProtectTx] in one round trip), and [Idempotency.Do] runs a handler's work in the engine's own
// transaction. The others are what payonce's own API consists of around it; routes.go shows their order.
//
// What is refused is handed, as an error, to the [Fail] of the service: how errors look is not decided here.
package middleware
