package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestRefusalSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"28P01": "the password", "28000": "pg_hba.conf", "3D000": "create the database", "42501": "CONNECT",
		"57P03": "", "53300": "", // starting up, too many connections: waiting helps
	} {
		err := fmt.Errorf("connect: %w", &pgconn.PgError{Severity: "FATAL", Code: code, Message: "no"})
		switch got := Refusal(err); {
		case want == "" && got != nil:
			t.Errorf("%s: got %v, want nothing", code, got)
		case want != "" && (got == nil || !strings.Contains(got.Error(), want)):
			t.Errorf("%s: got %v, want a word about %q", code, got, want)
		}
	}
	if got := Refusal(errors.New("connection refused")); got != nil {
		t.Errorf("got %v for a server that was not reached, want nothing", got)
	}
}
