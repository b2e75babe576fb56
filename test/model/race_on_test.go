//go:build race

package model

// RaceEnabled: a search under the race detector takes ten times as long. There is nothing in it to race but the tables.
const RaceEnabled = true
