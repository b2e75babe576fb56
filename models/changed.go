package models

import "time"

// ChangedAt is the time of a change of a row, or of a new row that belongs to it, where its last change was at last: now, or a microsecond
// after last where now is not later. Now
// comes from estimates of PostgreSQL's clock, which differ by milliseconds between replicas and between two looks at it; updated_at
// must not go back for that.
func ChangedAt(last, now time.Time) time.Time {
	if now.After(last) {
		return now
	}
	return last.Add(time.Microsecond)
}
