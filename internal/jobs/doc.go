// Package jobs runs what no request does: recovery of what a dead process left behind, checks of payments whose outcome
// is unknown, and the cleanup of old keys. Every replica runs all of them; rows are claimed with SKIP LOCKED, so any
// number may.
package jobs
