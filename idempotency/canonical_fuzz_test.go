package idempotency_test

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/jsonjudge"
)

// FuzzCanonical holds Canonical to a judge that understands texts by other means, and to jsontext: what is taken, the bytes
// of the form, that a form is its own form, and that two texts have one form exactly when they are one value. Two texts that came about by themselves are
// hardly ever one value, so the first one is also spelled in another way, which the seed chooses.
func FuzzCanonical(f *testing.F) {
	for i, seed := range [][2]string{
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
		{`{"\ud83d\ude00":1,"\uff5e":2}`, `{"b":[true,false,null,{"d":1,"c":2.50}],"a":-0.0}`},
		{`"\u0000\u001f\u007f\/\u2028"`, "\"\x1f\""},
		{`{"a":1} x`, `{"":{"":[]}}`},
		{`{"amount":1999,"currency":"EUR","metadata":{"a":"\\\"\/"}}`, `{"items":[{"name":"Tea","quantity":2,"unit_amount":350}]}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), uint64(i))
	}
	f.Fuzz(func(t *testing.T, a, b []byte, seed uint64) {
		formA, textA, okA := checkForm(t, a)
		formB, textB, okB := checkForm(t, b)
		if okA && okB && bytes.Equal(formA, formB) != jsonjudge.Equal(textA.Value, textB.Value) {
			t.Errorf("%s and %s: forms %s and %s", a, b, formA, formB)
		}
		if !okA {
			return
		}
		respelled := jsonjudge.Respell(textA.Value, seed)
		if form, _, ok := checkForm(t, respelled); !ok || !bytes.Equal(form, formA) {
			t.Errorf("%s and %s are one value: forms %s and %s", a, respelled, formA, form)
		}
	})
}

// checkForm checks what holds for one text: that it is taken rightly, and that its form is its own form and the same value.
func checkForm(t *testing.T, text []byte) ([]byte, jsonjudge.Text, bool) {
	t.Helper()
	read, isJSON := jsonjudge.Read(text)
	form, err := idempotency.Canonical([]byte("before"), text, idempotency.CanonicalLimits{})
	if takes := isJSON && acceptable(read); takes != (err == nil) {
		t.Fatalf("Canonical(%q) = %v; the judge takes it: %v", text, err, takes)
	}
	if !bytes.HasPrefix(form, []byte("before")) {
		t.Fatalf("Canonical(%q) changed what stood before", text)
	}
	form = form[len("before"):]
	compareWithJSONText(t, text, withinLimits(read), form, err)
	if err != nil {
		checkRefusal(t, text, form, err)
		return nil, read, false
	}
	again, err := idempotency.Canonical(nil, form, idempotency.CanonicalLimits{})
	if err != nil || !bytes.Equal(form, again) {
		t.Errorf("the form of %s is %s, whose form is %s, %v", text, form, again, err)
	}
	formRead, ok := jsonjudge.Read(form)
	if !ok || !jsonjudge.Equal(read.Value, formRead.Value) {
		t.Errorf("the form of %s is %s, another value", text, form)
	}
	return form, read, true
}

func checkRefusal(t *testing.T, text, form []byte, err error) {
	t.Helper()
	syntax, ok := errors.AsType[*idempotency.SyntaxError](err)
	if !ok || len(form) > 0 || syntax.Offset < 0 || syntax.Offset > len(text) || syntax.Reason == "" || len(syntax.Reason) > 200 {
		t.Errorf("Canonical(%q) = %q, %#v", text, form, err)
	}
}

// acceptable: a JSON text without anything that two readers could understand differently, and within the limits.
func acceptable(text jsonjudge.Text) bool {
	return !text.Duplicate && !text.LoneSurrogate && withinLimits(text)
}

// withinLimits: the documented limits of depth, digits and powers of ten.
func withinLimits(text jsonjudge.Text) bool {
	if text.Depth > 32 {
		return false
	}
	for _, n := range text.Numbers {
		if n.Digits > 1000 || n.Exponent.CmpAbs(big.NewInt(10_000)) > 0 {
			return false
		}
	}
	return true
}
