package postgres

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency"
)

func TestReadFailedTellsABugFromAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	refused := func(code string) error { return &pgconn.PgError{Severity: "ERROR", Code: code} }
	for name, c := range map[string]struct {
		err         error
		unavailable bool
		missing     bool
	}{
		"no such row":            {err: gorm.ErrRecordNotFound, missing: true},
		"a column misspelt":      {err: refused("42703")},
		"a table misspelt":       {err: refused("42P01")},
		"a syntax error":         {err: refused("42601")},
		"a wrong type":           {err: refused("22P02")},
		"too many connections":   {err: refused("53300"), unavailable: true},
		"a lock not available":   {err: refused("55P03"), unavailable: true},
		"a broken connection":    {err: io.ErrUnexpectedEOF, unavailable: true},
		"a deadline":             {err: context.DeadlineExceeded, unavailable: true},
		"a server shutting down": {err: &pgconn.PgError{Severity: "FATAL", Code: "57P01"}, unavailable: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ReadError("read", c.err)
			if errors.Is(got, idempotency.ErrUnavailable) != c.unavailable || errors.Is(got, ErrNotFound) != c.missing {
				t.Errorf("got %v, want unavailable %t and missing %t", got, c.unavailable, c.missing)
			}
		})
	}
}

func TestAZeroTxLosesNoWrite(t *testing.T) {
	t.Parallel()
	for name, queue := range map[string]func(*Tx){
		"an INSERT": func(tx *Tx) { tx.Insert("i", `INSERT INTO scratch VALUES (1)`) },
		"an UPDATE": func(tx *Tx) { tx.MustAffect("g", `UPDATE scratch SET n = 1`) },
		"a read":    func(tx *Tx) { tx.Read("r", `SELECT 1`, nil, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("got a statement that is never sent, want a panic")
				}
			}()
			queue(&Tx{})
		})
	}
}
