package postgres

import "time"

// fixedPrimary is a primary that is never promoted.
type fixedPrimary struct{}

func newFixedPrimary() fixedPrimary { return fixedPrimary{} }

func (fixedPrimary) Now() time.Time   { return time.Now() }
func (fixedPrimary) Timeline() uint32 { return 3 }
