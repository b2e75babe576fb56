package idempotency_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/payonce/payonce/idempotency"
)

// FuzzCanonical holds Canonical to a reference that understands the two texts by itself: encoding/json for the structure,
// big.Rat for the numbers.
func FuzzCanonical(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":1,"b":2}`, `{"b":2.0,"a":10e-1}`},
		{`-0`, `0.00e5`},
		{`"\u00e9"`, `"é"`},
		{`"\ud83d\ude00"`, `"\ud83d"`},
		{`{"a":1,"\u0061":2}`, `{"a":2}`},
		{`[1,[2,[3,{}]]]`, `[1, [2, [3, { }]]]`},
		{`9007199254740993`, `9007199254740992`},
		{`1e10000`, `1e10001`},
		{`{"\n":1,"A":2}`, `{"A":2,"\u000a":1}`},
		{"\xef\xbb\xbf1", "\"\xff\""},
		{`null`, `"null"`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		formA, okA := checkForm(t, a)
		formB, okB := checkForm(t, b)
		if okA && okB && bytes.Equal(formA, formB) != equal(t, a, b) {
			t.Errorf("%s and %s: forms %s and %s", a, b, formA, formB)
		}
	})
}

// checkForm checks what holds for one text: whether it is taken, and that its form is its own form and the same value.
func checkForm(t *testing.T, text []byte) ([]byte, bool) {
	t.Helper()
	form, err := idempotency.Canonical(nil, text, idempotency.CanonicalLimits{})
	if err != nil {
		if syntax, ok := errors.AsType[*idempotency.SyntaxError](err); !ok || !strict(text, syntax) {
			t.Errorf("Canonical(%q) = %v, but nothing is wrong with it", text, err)
		}
		return nil, false
	}
	if !json.Valid(text) || !utf8.Valid(text) || !json.Valid(form) {
		t.Errorf("Canonical(%q) = %q: one of the two is not JSON", text, form)
	}
	again, err := idempotency.Canonical(nil, form, idempotency.CanonicalLimits{})
	if err != nil || !bytes.Equal(form, again) {
		t.Errorf("the form of %s is %s, whose form is %s, %v", text, form, again, err)
	}
	if !equal(t, text, form) {
		t.Errorf("the form of %s is %s, another value", text, form)
	}
	return form, true
}

// strict reports whether a refused text is one that the grammar or one of the documented limits refuses.
func strict(text []byte, err *idempotency.SyntaxError) bool {
	if !json.Valid(text) || !utf8.Valid(text) || err.Duplicate {
		return true
	}
	for _, reason := range []string{"surrogate", "too deeply", "digits", "power of ten"} {
		if strings.Contains(err.Reason, reason) {
			return true
		}
	}
	return false
}

func equal(t *testing.T, a, b []byte) bool {
	t.Helper()
	return equalValues(decode(t, a), decode(t, b))
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func equalValues(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && equalNumbers(string(a), string(b))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalValues(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			other, ok := b[name]
			if !ok || !equalValues(value, other) {
				return false
			}
		}
		return true
	default: // string, bool, nil
		return a == b
	}
}

func equalNumbers(a, b string) bool {
	return number(a).Cmp(number(b)) == 0
}

// number reads a zero without its exponent, which may be larger than big.Rat takes.
func number(s string) *big.Rat {
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	if strings.Trim(mantissa, "-0.") == "" {
		return new(big.Rat)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}
