//go:build race

package service

// raceEnabled: a test binary that looks for races builds a service that does, too.
const raceEnabled = true
