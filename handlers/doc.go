// Package handlers holds payonce's resources, one per file: bind the request, call, render.
//
// A request that changes something is described, not done: its handler returns the work, and the idempotency middleware
// runs it once. Errors are returned; errors.go is the one table from errors to the problems that clients see.
package handlers
