package strictjson_test

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/strictjson"
)

type item struct {
	Name     string `json:"name"`
	Quantity int32  `json:"quantity"`
}

type body struct {
	Amount   *int64            `json:"amount"`
	Currency string            `json:"currency"`
	Final    *bool             `json:"final"`
	Items    []item            `json:"items"`
	Metadata map[string]string `json:"metadata"`
	Count    uint8             `json:"count"`
	At       time.Time         `json:"at"`
	Any      any               `json:"any"`
}

func TestAWellFormedBodyIsRead(t *testing.T) {
	t.Parallel()
	amount := int64(9007199254740993)
	want := body{
		Amount: &amount, Currency: "EUR", Items: []item{{"Tea", -2}, {}}, Metadata: map[string]string{"null": "null"},
		Count: 255, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	var got body
	err := strictjson.Decode([]byte(` {"amount":9007199254740993,"currency":"EUR","items":[{"name":"Tea","quantity":-2},{}],
		"metadata":{"null":"null"},"count":255,"at":"2026-01-02T03:04:05Z"} `), &got)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatIsNotReadStrictlyIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, code, pointer string }{
		"nothing":                      {"", "syntax", ""},
		"white space":                  {" \n", "syntax", ""},
		"no JSON":                      {"amount=1", "syntax", ""},
		"a cut body":                   {`{"amount":1`, "syntax", ""},
		"two values":                   {`{} {}`, "syntax", ""},
		"a comma too many":             {`{"amount":1,}`, "syntax", ""},
		"a byte order mark":            {"\xef\xbb\xbf{}", "syntax", ""},
		"a string that is not UTF-8":   {"{\"currency\":\"\xff\"}", "syntax", "/currency"},
		"a lone surrogate":             {`{"currency":"\ud800"}`, "syntax", "/currency"},
		"a name without quotes":        {`{amount:1}`, "syntax", ""},
		"a number for a name":          {`{1:1}`, "syntax", ""},
		"a duplicate":                  {`{"amount":1,"amount":1}`, "duplicate", "/amount"},
		"a duplicate behind an escape": {`{"amount":1,"\u0061mount":1}`, "duplicate", "/amount"},
		"a duplicate in a map":         {`{"metadata":{"a":"1","a":"1"}}`, "duplicate", "/metadata/a"},
		"an unknown member":            {`{"price":1}`, "unknown_member", "/price"},
		"an unknown member further in": {`{"items":[{},{"x/y":1}]}`, "unknown_member", "/items/1/x~1y"},
		"another case":                 {`{"Amount":1}`, "unknown_member", "/Amount"},
		"an integer as a string":       {`{"amount":"100"}`, "wrong_type", "/amount"},
		"a fraction":                   {`{"amount":1.0}`, "not_an_integer", "/amount"},
		"an exponent":                  {`{"amount":1e3}`, "not_an_integer", "/amount"},
		"a large fraction":             {`{"amount":99999999999999999999.5}`, "not_an_integer", "/amount"},
		"an integer beyond 64 bits":    {`{"amount":9223372036854775808}`, "integer_out_of_range", "/amount"},
		"an integer far beyond":        {`{"amount":-99999999999999999999999}`, "integer_out_of_range", "/amount"},
		"an integer beyond 32 bits":    {`{"items":[{"quantity":2147483648}]}`, "integer_out_of_range", "/items/0/quantity"},
		"an integer below zero":        {`{"count":-1}`, "integer_out_of_range", "/count"},
		"a boolean as a number":        {`{"final":1}`, "wrong_type", "/final"},
		"a string as a number":         {`{"currency":978}`, "wrong_type", "/currency"},
		"an array as an object":        {`{"items":{}}`, "wrong_type", "/items"},
		"an object as an array":        {`{"metadata":[]}`, "wrong_type", "/metadata"},
		"a number in metadata":         {`{"metadata":{"a":1}}`, "wrong_type", "/metadata/a"},
		"an array as the body":         {`[]`, "wrong_type", ""},
		"null as the body":             {`null`, "null_not_allowed", ""},
		"null for an unknown member":   {`{"price":null}`, "unknown_member", "/price"},
		"null twice":                   {`{"amount":null,"amount":null}`, "duplicate", "/amount"},
		"null and a value":             {`{"amount":null,"amount":1}`, "duplicate", "/amount"},
		"null in what may be anything": {`{"any":{"a":null}}`, "null_not_allowed", "/any/a"},
		"null in an array of anything": {`{"any":[null]}`, "null_not_allowed", "/any/0"},
		"null in another case":         {`{"Amount":null}`, "unknown_member", "/Amount"},
		"null in an unknown object":    {`{"price":{"a":null}}`, "null_not_allowed", "/price/a"},
		"null behind a fault":          {`{"metadata":{"a":null},"price":1}`, "null_not_allowed", "/metadata/a"},
		"null in an array":             {`{"items":[{},null]}`, "null_not_allowed", "/items/1"},
		"null in a map":                {`{"metadata":{"a":null}}`, "null_not_allowed", "/metadata/a"},
		"no time":                      {`{"at":"yesterday"}`, "invalid_value", "/at"},
		"33 levels":                    {`{"any":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, "syntax", "/any" + strings.Repeat("/0", 31)},
		"a hundred thousand levels":    {strings.Repeat("[", 100_000), "syntax", strings.Repeat("/0", 32)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := strictjson.Decode([]byte(c.text), &body{})
			code, pointer, detail := facts(err)
			if code != c.code || pointer != c.pointer {
				t.Fatalf("Decode(%.60q) = %#v; want %s at %q", c.text, err, c.code, c.pointer)
			}
			checkDetail(t, code, detail)
		})
	}
}

// facts of a refusal, whether the text is no JSON value or not the value that is expected.
func facts(err error) (code, pointer, detail string) {
	if syntax, ok := errors.AsType[*idempotency.SyntaxError](err); ok {
		code = "syntax"
		if syntax.Duplicate {
			code = "duplicate"
		}
		return code, syntax.Pointer, syntax.Reason
	}
	if refused, ok := errors.AsType[*strictjson.Error](err); ok {
		return refused.Code, refused.Pointer, refused.Detail
	}
	return "", "", ""
}

func TestAMemberThatIsNullIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"amount":null}`, `{"currency":null}`, `{"final":null}`, `{"items":null}`, `{"metadata":null}`, `{"count":null}`, `{"at":null}`, `{"any":null}`,
		`{"amount":null,"currency":null,"final":null,"items":null,"metadata":null,"count":null,"at":null,"any":null}`, ` { "amount" : null } `,
	} {
		var got body
		if err := strictjson.Decode([]byte(text), &got); err != nil || !reflect.DeepEqual(got, body{}) {
			t.Errorf("%s: got %+v, %v; want what {} gives", text, got, err)
		}
	}
	var got body
	if err := strictjson.Decode([]byte(`{"items":[{"name":null,"quantity":null}]}`), &got); err != nil || !reflect.DeepEqual(got, body{Items: []item{{}}}) {
		t.Errorf("in an array's object: got %+v, %v; want what {\"items\":[{}]} gives", got, err)
	}
}

// checkDetail: a detail is a short text in JSON's terms, with nothing of the program in it.
func checkDetail(t *testing.T, code, detail string) {
	t.Helper()
	leaks := regexp.MustCompile(`\b(Go|json:|jsontext|unmarshal|int64|int32|uint8|strictjson|strconv|map\[|body\b\.|time\.Time)`)
	if detail == "" || len(detail) > 300 || leaks.MatchString(detail) {
		t.Errorf("%s has the detail %q; want a short text without names of the program", code, detail)
	}
}

func TestLongNamesAreCutInTheAnswer(t *testing.T) {
	t.Parallel()
	err := strictjson.Decode([]byte(`{"`+strings.Repeat("é", 20_000)+`":1}`), &body{})
	refused, ok := errors.AsType[*strictjson.Error](err)
	if !ok || len(refused.Pointer) > 120 || len(refused.Detail) > 300 || !strings.HasSuffix(refused.Pointer, "é…") {
		t.Errorf("got %.400v", err)
	}
}

func TestThirtyTwoLevelsAreTaken(t *testing.T) {
	t.Parallel()
	text := `{"any":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `,"items":[{},{}]}`
	if err := strictjson.Decode([]byte(text), &body{}); err != nil {
		t.Error(err)
	}
}
