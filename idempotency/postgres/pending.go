package postgres

// Pending is a row that a queued read will have found when its transaction has been flushed.
type Pending[M any] struct{ row *M }

// Get returns the row, or [ErrNotFound]. Before the flush nothing is found.
func (p *Pending[M]) Get() (*M, error) {
	if p.row == nil {
		return nil, ErrNotFound
	}
	return p.row, nil
}

// ReadOne queues a read of at most one row; fields are where its columns go.
func ReadOne[M any](tx *Tx, label, query string, args []any, fields func(*M) []any) *Pending[M] {
	found := &Pending[M]{}
	tx.Read(label, query, args, func(scan func(dest ...any) error) error {
		row := new(M)
		if err := scan(fields(row)...); err != nil {
			return err
		}
		found.row = row
		return nil
	})
	return found
}
