// Package middleware holds payonce's Gin middleware, one to a file.
//
// idempotency.go is the one that other services take: [Idempotency.Protect] puts plain Gin handlers behind the engine
// in one line, and [Idempotency.Do] runs a handler's work in the engine's own transaction. The others are what
// payonce's own API consists of around it; main.go shows their order.
package middleware
