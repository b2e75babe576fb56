package models

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScopesAllowWhatTheyName(t *testing.T) {
	t.Parallel()
	all := []string{ScopeRead, ScopeWrite, ScopeRefunds, ScopeWebhooks, ScopeAdmin}
	for list, want := range map[string][]string{
		"read": {ScopeRead}, "write": {ScopeWrite}, "refunds,read": {ScopeRead, ScopeRefunds}, "webhooks": {ScopeWebhooks}, "admin": all,
	} {
		scopes, err := ParseScopes(list)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, scope := range all {
			if scopes.Allow(scope) {
				got = append(got, scope)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", list, diff)
		}
	}
	if !AllScopes().Allow("a_later_release_s") || Scopes(nil).Allow(ScopeRead) {
		t.Error("a key without a list has all scopes, one without any has none")
	}
}

func TestScopesAreReadAsAListOfKnownNames(t *testing.T) {
	t.Parallel()
	if got, err := ParseScopes(" read, write,read"); err != nil || got.String() != "read,write" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, text := range []string{"", ",", "read,", "READ", "*", "read write", "payments"} {
		if got, err := ParseScopes(text); !errors.Is(err, ErrScopes) {
			t.Errorf("%q: got %v, %v; want ErrScopes", text, got, err)
		}
	}
}

func TestScopesSurviveTheirColumn(t *testing.T) {
	t.Parallel()
	var scopes Scopes
	if err := scopes.Scan("{*,payments:write}"); err != nil || len(scopes) != 2 || scopes[1] != "payments:write" {
		t.Errorf("read %q, %v", scopes, err)
	}
	if value, err := scopes.Value(); value != "{*,payments:write}" || err != nil {
		t.Errorf("Value = %v, %v", value, err)
	}
}
