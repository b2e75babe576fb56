package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func TestEveryReplacementAppliesExactlyOnce(t *testing.T) {
	t.Parallel()
	for _, s := range all() {
		texts, at, err := s.apply(root)
		if err != nil {
			t.Errorf("the source has moved on; let test/sabotage follow: %v", err)
			continue
		}
		for file, text := range texts {
			if _, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution); filepath.Ext(file) == ".go" && err != nil {
				t.Errorf("%s at %s is no Go: %v", s.name, at, err)
			}
		}
	}
}

// A renamed test would make the run fail, but much later.
func TestEveryNamedTestIsThere(t *testing.T) {
	t.Parallel()
	for _, s := range all() {
		name, sub, _ := strings.Cut(s.caught.test, "/")
		text := tests(t, s.caught.in)
		if !strings.Contains(text, "func "+name+"(t *testing.T)") {
			t.Errorf("%s: %s has no %s", s.name, s.caught.in, name)
		}
		if s.caught.in == "idempotency/postgres" {
			text += tests(t, "idempotency/storetest")
		}
		for part := range strings.SplitSeq(sub, "/") {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %s has no subtest %q", s.name, s.caught.in, part)
			}
		}
	}
}

// tests is the text of all that tests in a package.
func tests(t *testing.T, pkg string) string {
	t.Helper()
	pattern := "*_test.go"
	if pkg == "idempotency/storetest" {
		pattern = "*.go"
	}
	files, err := filepath.Glob(filepath.Join(root, pkg, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no tests: %v", pkg, err)
	}
	var text strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(content)
	}
	return text.String()
}

func TestEverySabotageIsExplainedAndHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range all() {
		if seen[s.name] || s.breaks == "" || len(s.edits) == 0 || s.caught.says == "" {
			t.Errorf("%+v", s)
		}
		seen[s.name] = true
	}
}

// Each of these takes out a protection that a guarantee rests on. More are welcome; none of these may go.
func TestTheSabotagesThatMayNotGoAreThere(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range all() {
		names = append(names, s.name)
	}
	for _, name := range []string{
		"no fence in T2", "no state in T2", "publish before commit", "the request's context in T2", "hint released always",
		"a Redis miss trusted as new", "a random provider key", "provider key from the row id", "a 5xx stored",
		"202 stored, then overwritten", "cleanup that ignores the state", "the body re-encoded on replay",
		"path missing in the fingerprint", "merchant missing in the Redis key", "no HMAC check",
		"a COMMIT error treated as rolled back", "a guard in the last batch that doesn't raise", "a take-back after a takeover",
		"an id that is not derived", "a record found without looking at claim_id", "recovery without SKIP LOCKED and fence",
		"lease by the replica's clock", "effect outside the transaction", "ledger entry after the commit",
		"retry of 40001 without reading again", "waiting while holding a connection", "RowsAffected ignored",
		"the socket written before the commit", "an idempotency row read from a standby", "`safe_new_key` by code",
		"the schema's refusal before the look-up", "an untried intent taken for a decline", "a look-up that gives up in silence",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("no sabotage is called %q", name)
		}
	}
	if some := matching(all(), regexp.MustCompile(`^no (fence|state) in T2$`)); len(some) != 2 {
		t.Errorf("-run chose %d", len(some))
	}
}

func TestTheReadmeCountsTheSabotages(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d mistakes put into the code one by one", len(all())); !strings.Contains(string(readme), want) {
		t.Errorf("README.md does not say %q", want)
	}
}
