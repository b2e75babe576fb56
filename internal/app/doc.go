// Package app puts payonce together: it finds the stores, wires the engine, the operations and the jobs, runs the two
// listeners, and takes all of it down again in order. What a request passes through is in routes.go.
package app
