package strictjson_test

import (
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/strictjson"
	"github.com/payonce/payonce/test/jsonjudge"
)

// FuzzStrictDecode: a body is taken exactly when a judge says that it holds nothing but members of the right type. What is
// taken, the lenient standard decoder understands in the same way; what is refused is refused with a code, a short text
// and nothing of the program in it.
func FuzzStrictDecode(f *testing.F) {
	for _, seed := range []string{
		`{"amount":1,"currency":"EUR","items":[{"name":"Tea","quantity":2}],"metadata":{"a":"b"}}`, `{"Amount":1}`,
		`{"amount":1.0}`, `{"amount":null}`, `{"amount":1,"amount":2}`, `{"at":"2026-01-02T03:04:05Z"}`, `{} {}`, `[[[[`,
		`{"count":256}`, `{"any":[1,{"a":true}]}`, "{\"currency\":\"\xff\"}", `{"currency":"\ud800"}`, `{"amount":-0}`, `{"count":-0}`,
		`{"amount":9223372036854775807}`, `{"amount":-9223372036854775808}`, `{"items":[{"quantity":2147483648}]}`, `{"\u0061mount":1}`,
		`{"at":"2026-01-02T03:04:05+24:00"}`, `{"any":1e309}`, `{"final":true}`, `{"amount":"1"}`, `{"amount":1e2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want body
		err := strictjson.Decode(data, &got)
		if fits := judged(data); fits != (err == nil) {
			t.Fatalf("Decode(%q) = %v; the judge takes it: %v", data, err, fits)
		}
		if err == nil {
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatalf("taken, but the standard library says %v: %q", err, data)
			}
			if a, b := marshal(t, got), marshal(t, want); a != b {
				t.Errorf("%q is read as %s, and by the standard library as %s", data, a, b)
			}
			return
		}
		code, _, detail := facts(err)
		if code == "" {
			t.Fatalf("Decode(%q) = %#v", data, err)
		}
		if len(detail) > 600 || strings.ContainsAny(detail, "\r\n\x00") {
			t.Errorf("the detail %.700q", detail)
		}
		checkSyntax(t, data, code)
	})
}

// checkSyntax: what is refused here because it is not one JSON value, Canonical refuses as well.
func checkSyntax(t *testing.T, data []byte, code string) {
	t.Helper()
	_, err := idempotency.Canonical(nil, data, idempotency.CanonicalLimits{})
	if malformed := code == "syntax" || code == "duplicate"; malformed && err == nil {
		t.Errorf("%q is refused as %s, and Canonical takes it", data, code)
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// judged says whether data is what the package promises to take for a body.
func judged(data []byte) bool {
	text, ok := jsonjudge.Read(data)
	if !ok || text.Duplicate || text.LoneSurrogate || text.Depth > 32 {
		return false
	}
	return members(text.Value, map[string]rule{
		"amount": integer(math.MinInt64, math.MaxInt64), "currency": isString, "final": isBool, "count": unsigned, "at": isTime, "any": isAnything,
		"metadata": func(v any) bool { return members(v, nil) },
		"items": func(v any) bool {
			return each(v, func(item any) bool {
				return members(item, map[string]rule{"name": isString, "quantity": integer(math.MinInt32, math.MaxInt32)})
			})
		},
	})
}

type rule func(value any) bool

// members: an object whose members all have a rule and keep it, or are null; without rules, any members that are strings.
func members(value any, rules map[string]rule) bool {
	object, ok := value.(map[string]any)
	for name, member := range object {
		keeps, known := rules[name]
		if rules == nil {
			keeps, known = isString, true
		}
		ok = ok && known && (member == nil && rules != nil || keeps(member))
	}
	return ok
}

func each(value any, keeps rule) bool {
	array, ok := value.([]any)
	return ok && !slices.ContainsFunc(array, func(element any) bool { return !keeps(element) })
}

func isString(value any) bool { _, ok := value.(string); return ok }

func isBool(value any) bool { _, ok := value.(bool); return ok }

func integer(least, most int64) rule {
	return func(value any) bool {
		text, ok := value.(json.Number)
		return ok && jsonjudge.ParseNumber(string(text)).Fits(big.NewInt(least), big.NewInt(most))
	}
}

// unsigned is an integer that is written without a sign.
func unsigned(value any) bool {
	text, ok := value.(json.Number)
	return ok && text[0] != '-' && integer(0, math.MaxUint8)(value)
}

// isTime: package time takes an offset of 24 hours, too, which RFC 3339 section 5.6 does not know.
func isTime(value any) bool {
	text, ok := value.(string)
	offset := regexp.MustCompile(`(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
	return ok && offset.MatchString(text) && new(time.Time).UnmarshalText([]byte(text)) == nil
}

// isAnything: numbers become floats here, as in the standard library, so they have to be near one.
func isAnything(value any) bool {
	switch value := value.(type) {
	case nil:
		return false
	case json.Number:
		_, err := value.Float64()
		return err == nil
	case []any:
		return each(value, isAnything)
	case map[string]any:
		for _, member := range value {
			if !isAnything(member) {
				return false
			}
		}
	}
	return true
}
