package idempotency_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/dunglas/httpsfv"

	"github.com/payonce/payonce/idempotency"
)

// FuzzParseKey holds the hand-written parser to the grammar of a key and to a library's reading of structured
// fields: it takes what they take, in both directions, and reads what they read.
func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{
		"abc", `"abc"`, `"a\"b"`, `"a\\"`, `"a";v=1`, `"a", "b"`, `"`, `""`, " x ", "ä", `"\n"`, "a,b", "a b", "\x00",
		strings.Repeat("k", 255), strings.Repeat("k", 256), `"` + strings.Repeat(`\"`, 255) + `"`, `"` + strings.Repeat("k", 256) + `"`,
		"\t\"abc\" ", `"abc"x`, `a"b`, `a\b`, ":YWJj:", "?1", "\x7f", "\"\x7f\"", "a\r\nX-Forged: 1", "\u2028",
	} {
		f.Add(seed, "other")
	}
	f.Add(`"same"`, "same")
	grammar := newKeyGrammar()
	f.Fuzz(func(t *testing.T, value, other string) {
		key, err := idempotency.ParseKey([]string{value})
		want, ok := grammar.read(value)
		if ok != (err == nil) || string(key) != want {
			t.Fatalf("ParseKey(%q) = %q, %v; by the grammar it is %q, %v", value, key, err, want, ok)
		}
		if err != nil {
			checkKeyError(t, err)
		} else {
			checkSpellings(t, key)
		}
		if _, err := idempotency.ParseKey([]string{value, other}); err == nil {
			t.Errorf("two lines %q and %q are one key", value, other)
		}
		if second, err := idempotency.ParseKey([]string{other}); err == nil && ok && (second == key) != (second.Hash() == key.Hash()) {
			t.Errorf("%q and %q: the hashes tell another story than the keys", key, second)
		}
	})
}

// keyGrammar is the two forms of a key, raw and quoted, as regular expressions.
type keyGrammar struct{ raw, quoted, escape *regexp.Regexp }

func newKeyGrammar() keyGrammar {
	return keyGrammar{
		raw:    regexp.MustCompile(`^[\x21\x23-\x2b\x2d-\x7e][\x21-\x2b\x2d-\x7e]{0,254}$`), // printable, no space and no comma, no quote in front
		quoted: regexp.MustCompile(`^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$`),
		escape: regexp.MustCompile(`\\(.)`),
	}
}

func (g keyGrammar) read(value string) (string, bool) {
	value = strings.Trim(value, " \t")
	if g.raw.MatchString(value) {
		return value, true
	}
	if quoted := g.quoted.FindStringSubmatch(value); quoted != nil {
		return g.escape.ReplaceAllString(quoted[1], "$1"), true
	}
	return "", false
}

// checkKeyError: the text is for the client; it is short, one line, and holds nothing of what was sent that could be taken
// for more than text.
func checkKeyError(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*idempotency.KeyError](err); !ok || len(err.Error()) > 250 || regexp.MustCompile(`[^\x20-\x7e]`).MatchString(err.Error()) {
		t.Errorf("refused with %q", err)
	}
}

// checkSpellings: the sf-string that a library makes of a key is the same key, and the library reads it so, too.
func checkSpellings(t *testing.T, key idempotency.Key) {
	t.Helper()
	quoted, err := httpsfv.Marshal(httpsfv.NewItem(string(key)))
	if err != nil {
		t.Fatalf("no sf-string can hold %q: %v", key, err)
	}
	if again, err := idempotency.ParseKey([]string{quoted}); err != nil || again != key {
		t.Errorf("the quoted spelling %s of %q reads as %q, %v", quoted, key, again, err)
	}
	item, err := httpsfv.UnmarshalItem([]string{quoted})
	if err != nil || item.Value != string(key) {
		t.Errorf("the library reads %s as %v, %v", quoted, item.Value, err)
	}
}
