//go:build race

package model_test

// raceEnabled: a search under the race detector takes ten times as long. There is nothing in it to race but the tables.
const raceEnabled = true
