package idempotency_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/jsonjudge"
)

// Canonical has a grammar of its own, and package strictjson reads bodies with jsontext. These tests hold the two readers to
// each other: what one takes the other takes, and both read the same value. docs/decisions/0011 says why there are two.

// formByJSONText is the canonical form, made from jsontext's tokens. It is slower than Canonical and shares nothing with it.
// It refuses what jsontext refuses, and nothing else.
func formByJSONText(text []byte) ([]byte, error) {
	tokens := jsontext.NewDecoder(bytes.NewReader(text))
	form, err := valueByJSONText(tokens)
	if err != nil {
		return nil, err
	}
	if _, err := tokens.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.Join(errors.New("text follows the value"), err)
	}
	return form, nil
}

func valueByJSONText(tokens *jsontext.Decoder) ([]byte, error) {
	switch tokens.PeekKind() {
	case '{':
		return objectByJSONText(tokens)
	case '[':
		return arrayByJSONText(tokens)
	}
	value, err := tokens.ReadValue()
	if err != nil {
		return nil, err
	}
	switch value.Kind() {
	case '"':
		return jsontext.AppendFormat(nil, value)
	case '0':
		return normalNumber(string(value)), nil
	}
	return bytes.Clone(value), nil
}

func arrayByJSONText(tokens *jsontext.Decoder) ([]byte, error) {
	var elements [][]byte
	_, err := tokens.ReadToken()
	for err == nil && tokens.PeekKind() != ']' {
		var element []byte
		element, err = valueByJSONText(tokens)
		elements = append(elements, element)
	}
	if err == nil {
		_, err = tokens.ReadToken()
	}
	return slices.Concat([]byte("["), bytes.Join(elements, []byte(",")), []byte("]")), err
}

func objectByJSONText(tokens *jsontext.Decoder) ([]byte, error) {
	type member struct {
		name string
		text []byte
	}
	var members []member
	_, err := tokens.ReadToken()
	for err == nil && tokens.PeekKind() != '}' {
		var name jsontext.Token
		if name, err = tokens.ReadToken(); err != nil {
			break
		}
		text, _ := jsontext.AppendQuote(nil, name.String())
		m := member{name.String(), append(text, ':')} // before the next read: a token is valid until then
		var value []byte
		value, err = valueByJSONText(tokens)
		m.text = append(m.text, value...)
		members = append(members, m)
	}
	if err == nil {
		_, err = tokens.ReadToken()
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	texts := make([][]byte, len(members))
	for i, m := range members {
		texts[i] = m.text
	}
	return slices.Concat([]byte("{"), bytes.Join(texts, []byte(",")), []byte("}")), err
}

// normalNumber is the exact decimal of a number: its digits without zeros at either end, and the power of ten.
func normalNumber(text string) []byte {
	n := jsonjudge.ParseNumber(text)
	form := n.Mantissa.String()
	if n.Exponent.Sign() != 0 {
		form += "e" + n.Exponent.String()
	}
	return []byte(form)
}

// compareWithJSONText holds what Canonical made of a text to what jsontext makes of it: whether it is taken, and the bytes of
// its form. The limits are Canonical's own: jsontext reads numbers of any length, and 10,000 levels.
func compareWithJSONText(t *testing.T, text []byte, withinLimits bool, form []byte, err error) {
	t.Helper()
	want, refused := formByJSONText(text)
	if takes := refused == nil && withinLimits; takes != (err == nil) {
		t.Fatalf("Canonical(%q) = %v; jsontext: %v, within the limits: %v", text, err, refused, withinLimits)
	}
	if err == nil && !bytes.Equal(form, want) {
		t.Errorf("%q: got the form %s, from jsontext's tokens %s", text, form, want)
	}
}

// What jsontext's own canonical form would change about stored fingerprints. When one of these rows fails, read
// docs/decisions/0011 again.
func TestCanonicalIsNotWhatJSONTextCallsCanonical(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want, jcs, raw string }{
		"one number in two spellings": {
			text: `[1,1.0,10e-1]`, want: `[1,1,1]`, jcs: `[1,1,1]`, raw: `[1,1.0,10e-1]`,
		},
		"an integer that no double holds": {
			text: `9007199254740993`, want: `9007199254740993`, jcs: `9007199254740992`, raw: `9007199254740993`,
		},
		"names beyond the 65,536 characters of UTF-16's first plane": {
			text: `{"` + "\U0001F600" + `":1,"` + "\uFF5E" + `":2}`, want: `{"` + "\uFF5E" + `":2,"` + "\U0001F600" + `":1}`,
			jcs: `{"` + "\U0001F600" + `":1,"` + "\uFF5E" + `":2}`, raw: `{"` + "\U0001F600" + `":1,"` + "\uFF5E" + `":2}`,
		},
	} {
		got, err := idempotency.Canonical(nil, []byte(c.text), idempotency.CanonicalLimits{})
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, c.want)
		}
		jcs, raw := jsontext.Value(c.text), jsontext.Value(c.text)
		if err := jcs.Canonicalize(); err != nil || string(jcs) != c.jcs {
			t.Errorf("%s: jsontext's canonical form: got %s, %v; want %s", name, jcs, err, c.jcs)
		}
		if err := raw.Format(jsontext.ReorderRawObjects(true)); err != nil || string(raw) != c.raw {
			t.Errorf("%s: jsontext's form with raw numbers: got %s, %v; want %s", name, raw, err, c.raw)
		}
	}
}

// BenchmarkCanonicalAgainstJSONText: Canonical beside what a form from jsontext would cost at least. "format" is checked
// and compact, without an order of members and normal numbers; "reorder" has jsontext's order.
func BenchmarkCanonicalAgainstJSONText(b *testing.B) {
	metadata := `{"a":1`
	for i := range 100 {
		metadata += `,"key-` + strconv.Itoa(i*7919%100) + `":"a value of some length"`
	}
	for name, text := range map[string]string{
		"payment": `{"order_id":"ord_0193558a7c5e8a319d0b1f2e3d4c5b6a","payment_method":"pm_card_visa","capture_method":"automatic","metadata":{"cart":"42"}}`,
		"order":   `{"reference":"R-1","currency":"EUR","items":[{"name":"Tea","quantity":2,"unit_amount":499},{"name":"Cup","quantity":1,"unit_amount":1001}],"metadata":{"b":"2","a":"1"}}`,
		"large":   metadata + `}`,
	} {
		raw, dst := []byte(text), make([]byte, 0, 2*len(text))
		for kind, form := range map[string]func() ([]byte, error){
			"own": func() ([]byte, error) {
				return idempotency.Canonical(dst, raw, idempotency.CanonicalLimits{})
			},
			"format":  func() ([]byte, error) { return jsontext.AppendFormat(dst, raw) },
			"reorder": func() ([]byte, error) { return jsontext.AppendFormat(dst, raw, jsontext.ReorderRawObjects(true)) },
			"tokens":  func() ([]byte, error) { return formByJSONText(raw) },
		} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := form(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
