package session

import (
	"strings"
	"testing"
)

func TestNewSaysWhichParameterIsWrongAndWhatIsAllowed(t *testing.T) { //nolint:paralleltest // sets variables
	for _, test := range []struct{ variable, value, url, want string }{
		{"", "", "postgres://u:secret@h/d?sslmode=on", `its parameter sslmode is "on"; allowed: disable, allow, prefer, require, verify-ca or verify-full`},
		{"", "", "postgres://u:secret@h/d?connect_timeout=soon", `its parameter connect_timeout is "soon"; allowed: a whole number of seconds`},
		{"", "", "postgres://u:secret@h/d?target_session_attrs=master", `its parameter target_session_attrs is "master"; allowed: any, `},
		{"PGSSLMODE", "on", "postgres://u:secret@h/d", `PGSSLMODE is "on"; allowed: disable, `},
		{"PGCONNECT_TIMEOUT", "-1", "postgres://u:secret@h/d", `PGCONNECT_TIMEOUT is "-1"; allowed: a whole number of seconds`},
		{"PGSSLMODE", "on", "postgres://u:secret@h/d?sslmode=disable", ""}, // the address decides
	} {
		t.Run(test.variable+test.url, func(t *testing.T) {
			if test.variable != "" {
				t.Setenv(test.variable, test.value)
			}
			_, err := New(test.url, Options{Name: Name})
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret")):
				t.Errorf("got %v, want %q and no password", err, test.want)
			}
		})
	}
}
