// Package tracing runs the real binary with a collector inside the test, and holds what it exports to what was done: the spans of a
// first payment, of its replays, of a webhook's delivery and of recovery; that no secret is in them; and that a collector
// that is away costs no request anything.
package tracing
