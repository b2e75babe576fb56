package repository

// Later is a row that a queued read will have found once its unit has been flushed.
type Later[M any] struct{ row *M }

// Get returns the row, or ErrNotFound. Before the flush nothing is found.
func (l *Later[M]) Get() (*M, error) {
	if l.row == nil {
		return nil, ErrNotFound
	}
	return l.row, nil
}

// later queues a read of at most one row.
func later[M any](u *Unit, label, query string, args []any, fields func(*M) []any) *Later[M] {
	found := &Later[M]{}
	u.Read(label, query, args, func(scan func(dest ...any) error) error {
		row := new(M)
		if err := scan(fields(row)...); err != nil {
			return err
		}
		found.row = row
		return nil
	})
	return found
}
