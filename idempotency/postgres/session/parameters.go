package session

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// parameter is one of a connection that takes few values. An address may name it, and where it doesn't, pgx reads it from
// libpq's variable.
type parameter struct {
	name, variable, allowed string
	ok                      func(string) bool
}

func parameters() []parameter {
	choice := func(name, variable string, values ...string) parameter {
		last := len(values) - 1
		return parameter{
			name, variable, strings.Join(values[:last], ", ") + " or " + values[last],
			func(value string) bool { return slices.Contains(values, value) },
		}
	}
	seconds := func(value string) bool {
		_, err := strconv.ParseUint(value, 10, 63)
		return err == nil
	}
	return []parameter{
		choice("sslmode", "PGSSLMODE", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
		choice("sslnegotiation", "PGSSLNEGOTIATION", "postgres", "direct"),
		choice("target_session_attrs", "PGTARGETSESSIONATTRS", "any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
		choice("channel_binding", "PGCHANNELBINDING", "disable", "prefer", "require"),
		{"connect_timeout", "PGCONNECT_TIMEOUT", "a whole number of seconds", seconds},
	}
}

// wrongParameter says in one sentence which parameter of an address that pgx refuses has a value that is not allowed; nil
// where it is something else. It shows the value: none of these parameters is a password.
func wrongParameter(databaseURL string) error {
	if !strings.Contains(databaseURL, "://") { // keywords and values
		return nil
	}
	_, query, _ := strings.Cut(databaseURL, "?")
	given, _ := url.ParseQuery(query) // what is malformed was refused before
	for _, p := range parameters() {
		source, value := p.variable, os.Getenv(p.variable)
		if given.Has(p.name) {
			source, value = "its parameter "+p.name, given.Get(p.name)
		}
		if value != "" && !p.ok(value) {
			return fmt.Errorf("%s is %q; allowed: %s", source, value, p.allowed)
		}
	}
	return nil
}
