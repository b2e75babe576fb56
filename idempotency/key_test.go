package idempotency_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/payonce/payonce/idempotency"
)

func TestKeysInEitherSpellingAreTheSameKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value string
		want  idempotency.Key
	}{
		"a raw token":                         {"8e03978e-40d5", "8e03978e-40d5"},
		"a quoted string":                     {`"8e03978e-40d5"`, "8e03978e-40d5"},
		"white space around it is no part":    {" \tabc\t ", "abc"},
		"white space around quotes":           {"\t\"abc\" ", "abc"},
		"white space inside quotes is":        {`" abc "`, " abc "},
		"a quoted string may hold a comma":    {`"a, b"`, "a, b"},
		"escapes are undone":                  {`"a\"b\\c"`, `a"b\c`},
		"a raw backslash stands for itself":   {`a\b`, `a\b`},
		"a quote inside a raw key, too":       {`a"b`, `a"b`},
		"a semicolon in a raw key, too":       {"a;b=1", "a;b=1"},
		"255 bytes raw":                       {strings.Repeat("k", 255), idempotency.Key(strings.Repeat("k", 255))},
		"255 bytes quoted":                    {`"` + strings.Repeat("k", 255) + `"`, idempotency.Key(strings.Repeat("k", 255))},
		"255 bytes counted after unescaping":  {`"` + strings.Repeat(`\\`, 255) + `"`, idempotency.Key(strings.Repeat(`\`, 255))},
		"every printable byte but the quoted": {"!#$%&'()*+-./0123456789:;<=>?@AZ[\\]^_`az{|}~", "!#$%&'()*+-./0123456789:;<=>?@AZ[\\]^_`az{|}~"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := idempotency.ParseKey([]string{c.value})
			if err != nil || got != c.want {
				t.Errorf("ParseKey(%q) = %q, %v; want %q", c.value, got, err, c.want)
			}
		})
	}
}

func TestWrongKeysAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []string
		says   string
	}{
		"an empty value":                  {[]string{""}, "is empty"},
		"only white space":                {[]string{" \t"}, "is empty"},
		"an empty string":                 {[]string{`""`}, "empty string"},
		"two lines":                       {[]string{"a", "a"}, "sent 2 times"},
		"two lines joined by a proxy":     {[]string{"a,b"}, "comma"},
		"a space in a raw key":            {[]string{"a b"}, "space"},
		"a tab in a raw key":              {[]string{"a\tb"}, "0x09 at position 1"},
		"a control byte":                  {[]string{"a\x00"}, "0x00 at position 1"},
		"a delete byte":                   {[]string{"a\x7f"}, "0x7f"},
		"a non-ASCII letter":              {[]string{"ä"}, "0xc3"},
		"a non-ASCII letter in quotes":    {[]string{`"ä"`}, "0xc3"},
		"a tab in quotes":                 {[]string{"\"a\tb\""}, "0x09"},
		"an unclosed quote":               {[]string{`"abc`}, "does not end with one"},
		"only a quote":                    {[]string{`"`}, "does not end with one"},
		"an escaped end":                  {[]string{`"abc\"`}, "does not end with one"},
		"a backslash at the end":          {[]string{`"abc\`}, "backslash"},
		"an unknown escape":               {[]string{`"a\n"`}, "backslash"},
		"parameters":                      {[]string{`"abc";v=1`}, "after the closing quote"},
		"a list of strings":               {[]string{`"a", "b"`}, "after the closing quote"},
		"256 bytes raw":                   {[]string{strings.Repeat("k", 256)}, "256 bytes"},
		"256 bytes quoted":                {[]string{`"` + strings.Repeat("k", 256) + `"`}, "256 bytes"},
		"a megabyte is not shown in full": {[]string{strings.Repeat("k", 1<<20)}, "1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := idempotency.ParseKey(c.values)
			var keyErr *idempotency.KeyError
			if !errors.As(err, &keyErr) || !strings.Contains(keyErr.Error(), c.says) {
				t.Fatalf("ParseKey(%.40q) = %v; want a *KeyError that says %q", c.values, err, c.says)
			}
			if len(keyErr.Error()) > 250 {
				t.Errorf("the text has %d bytes: %.300s", len(keyErr.Error()), keyErr)
			}
		})
	}
}

func TestNoHeaderIsAMissingKey(t *testing.T) {
	t.Parallel()
	if _, err := idempotency.ParseKey(nil); !errors.Is(err, idempotency.ErrKeyMissing) {
		t.Errorf("ParseKey(nil) = %v", err)
	}
}

func TestAKeysHashIsItsSHA256(t *testing.T) {
	t.Parallel()
	if got, want := idempotency.Key("abc").Hash(), sha256.Sum256([]byte("abc")); got != want {
		t.Errorf("Hash = %x, want %x", got, want)
	}
}

func TestAKeysValueIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"abc", `"abc"`, `"`, `"a\"b"`, `\`, " ", " a ", "a, b", "+", ".", "..", "a/b", "%41", strings.Repeat("k", 255), `"` + strings.Repeat("k", 253) + `"`,
	} {
		if key, err := idempotency.NewKey(value); err != nil || string(key) != value {
			t.Errorf("NewKey(%q): got %q, %v; want the value itself", value, key, err)
		}
	}
	for value, says := range map[string]string{
		"": "is empty", strings.Repeat("k", 256): "is 256 bytes", "a\x00": "0x00 at position 1", "a\tb": "0x09", "\x7f": "0x7f", "ä": "0xc3", "\xff": "0xff",
	} {
		key, err := idempotency.NewKey(value)
		wrong, ok := errors.AsType[*idempotency.KeyError](err)
		if !ok || key != "" || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "header") {
			t.Errorf("NewKey(%.20q): got %q, %v (%v); want an error that says %q and speaks of no header", value, key, err, wrong, says)
		}
	}
}
