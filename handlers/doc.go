// Package handlers holds payonce's resources, one to a file: bind the request, call, render.
//
// A request that changes something is described, not done: its handler returns the work, and the idempotency middleware
// runs it once. Errors are returned, and [Problem] is the one table that says what a client is told about them.
package handlers
