package models

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The scopes of an API key: what it may do. None includes another one, but admin, which includes all.
const (
	ScopeRead     = "read"
	ScopeWrite    = "write"
	ScopeRefunds  = "refunds"  // giving money back
	ScopeWebhooks = "webhooks" // endpoints, their secrets and deliveries
	ScopeAdmin    = "admin"

	// everyScope stands in keys that were made without a list of scopes. Unlike a list it also has those of later releases.
	everyScope = "*"
)

// ErrScopes means that a list of scopes is empty or names an unknown one.
var ErrScopes = errors.New("scopes not allowed")

// Scopes is a text[] of scope names. A CHECK keeps commas, quotes and braces out of them, so this needs no quoting.
type Scopes []string

// AllScopes are those of a key that may do everything.
func AllScopes() Scopes { return Scopes{everyScope} }

// ParseScopes reads a comma-separated list, or returns [ErrScopes].
func ParseScopes(text string) (Scopes, error) {
	known := []string{ScopeRead, ScopeWrite, ScopeRefunds, ScopeWebhooks, ScopeAdmin}
	var scopes Scopes
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w: %.40q is none; give a comma-separated list of %s", ErrScopes, name, strings.Join(known, ", "))
		}
		if !slices.Contains(scopes, name) {
			scopes = append(scopes, name)
		}
	}
	return scopes, nil
}

// Allow reports whether a key with these scopes may do what needs the scope.
func (s Scopes) Allow(scope string) bool {
	return slices.ContainsFunc(s, func(has string) bool { return has == scope || has == ScopeAdmin || has == everyScope })
}

// String is the list as [ParseScopes] reads it; "all" for a key that was made without one.
func (s Scopes) String() string {
	if slices.Contains(s, everyScope) {
		return "all"
	}
	return strings.Join(s, ",")
}

// GormDataType names the column type for GORM.
func (Scopes) GormDataType() string { return "text[]" }

// Value implements [driver.Valuer].
func (s Scopes) Value() (driver.Value, error) {
	return "{" + strings.Join(s, ",") + "}", nil
}

// Scan implements sql.Scanner.
func (s *Scopes) Scan(src any) error {
	text, ok := src.(string)
	if !ok || !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") {
		return fmt.Errorf("scan scopes: got %T, want the text of an array; select the column without a cast", src)
	}
	*s = strings.FieldsFunc(text[1:len(text)-1], func(r rune) bool { return r == ',' })
	return nil
}
