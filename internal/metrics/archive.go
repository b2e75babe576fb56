package metrics

// SweptArchived is the kind of a tombstone that is moved to the archive.
const SweptArchived = "archived"

// Archive adds the archive's figures: how many rows were archived (payonce_cleanup_rows_total, kind "archived"), and how many are due,
// which the function that it returns sets.
func (m *Metrics) Archive() (backlog func(rows int)) {
	series(m.work.swept.WithLabelValues, SweptArchived)
	rows := gauge(m.factory, "payonce_archive_backlog_rows", "Tombstones that are due to be archived, up to 100000.")
	return func(n int) { rows.Set(float64(n)) }
}
