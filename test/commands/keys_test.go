package commands

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/stores"
)

type issuedKey struct {
	KeyID     string     `json:"key_id"`
	APIKey    string     `json:"api_key"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	Prefix    string     `json:"prefix"`
	ExpiresAt *time.Time `json:"expires_at"`
	Revoked   bool       `json:"revoked"`
}

func parsed[T any](t *testing.T, out, errs string, code int) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &value); err != nil || code != 0 {
		t.Fatalf("%d %s %s: %v", code, out, errs, err)
	}
	return value
}

func TestKeysAreMadeWithTermsAndListedWithThem(t *testing.T) {
	t.Parallel()
	database := []string{"DATABASE_URL=" + stores.EmptyDatabase(t)}
	out, errs, code := run(t, database, "merchant", "create", "--name", "Shop", "--json")
	merchant := parsed[struct {
		ID string `json:"id"`
	}](t, out, errs, code)
	create := func(settings []string, flags ...string) issuedKey {
		t.Helper()
		out, errs, code := run(t, append(database, settings...), append([]string{"merchant", "key", "create", "--merchant", merchant.ID, "--json"}, flags...)...)
		return parsed[issuedKey](t, out, errs, code)
	}
	made := create(nil, "--scopes", "read,refunds", "--expires", "90d", "--name", "cash desk")
	if left := time.Until(*made.ExpiresAt); left < 89*24*time.Hour || left > 90*24*time.Hour || strings.Join(made.Scopes, ",") != "read,refunds" || made.Name != "cash desk" {
		t.Errorf("made %+v", made)
	}
	if plain := create([]string{"PROVIDER_URL=http://127.0.0.1:9090"}); !strings.HasPrefix(plain.APIKey, "sk_test_") || plain.ExpiresAt != nil {
		t.Errorf("with the simulator: %+v", plain)
	}
	live := create([]string{"PROVIDER_URL=https://api.stripe.com"})
	if !strings.HasPrefix(live.APIKey, "sk_live_"+live.KeyID+"_") {
		t.Errorf("with a real provider: %+v", live)
	}
	out, errs, code = run(t, database, "merchant", "key", "list", "--merchant", merchant.ID, "--json")
	keys := parsed[[]issuedKey](t, out, errs, code)
	if len(keys) != 4 || keys[1].Name != "cash desk" || keys[3].Prefix != "sk_live_" || keys[3].APIKey != "" || strings.Contains(out, live.APIKey) {
		t.Errorf("listed %s", out)
	}
	if out, errs, code = run(t, database, "merchant", "key", "list"); code != 0 || !strings.Contains(out, "cash desk") || !strings.Contains(out, "read,refunds") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestTermsThatCanNotBeAreRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	database := []string{"DATABASE_URL=" + stores.EmptyDatabase(t)}
	const merchant = "mer_01jd8x7w4n9q2m5k3r6t8v0y1z"
	for _, c := range []struct {
		flags []string
		says  string
	}{
		{[]string{"--scopes", "everything"}, "--scopes"},
		{[]string{"--scopes", "read,,write"}, "--scopes"},
		{[]string{"--expires", "yesterday"}, "--expires"},
		{[]string{"--expires", "2001-01-01"}, "--expires"},
		{[]string{"--expires", "-5m"}, "--expires"},
		{[]string{"--name", strings.Repeat("x", 101)}, "name"},
	} {
		_, errs, code := run(t, database, append([]string{"merchant", "key", "create", "--merchant", merchant}, c.flags...)...)
		if code == 0 || !strings.Contains(errs, c.says) || strings.Count(strings.TrimSpace(errs), "\n") > 0 {
			t.Errorf("%v: %d %s", c.flags, code, errs)
		}
	}
}
