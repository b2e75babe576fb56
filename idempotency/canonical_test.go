package idempotency_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/payonce/payonce/idempotency"
)

func canonical(text string) (string, error) {
	out, err := idempotency.Canonical(nil, []byte(text), idempotency.CanonicalLimits{})
	return string(out), err
}

func TestTextsOfOneValueHaveOneCanonicalForm(t *testing.T) {
	t.Parallel()
	for want, texts := range map[string][]string{
		`{"a":1,"b":[true,false,null]}`:         {`{"b":[true,false,null],"a":1}`, " {\n\t\"a\" : 1 ,\r\"b\":[ true , false,null ] } "},
		`{}`:                                    {`{ }`},
		`[]`:                                    {`[ ]`},
		`{"":1,"a":2,"aa":3,"b":4}`:             {`{"b":4,"aa":3,"a":2,"":1}`},
		`{"a":{"c":1,"d":2},"b":{"e":3,"f":4}}`: {`{"b":{"f":4,"e":3},"a":{"d":2,"c":1}}`},
		`[{"a":1,"b":2},{"a":3,"b":4}]`:         {`[{"b":2,"a":1},{"b":4,"a":3}]`},
		`"a/b"`:                                 {`"a\/b"`, `"\u0061\u002f\u0062"`},
		`"\"\\\b\f\n\r\t"`:                      {`"\u0022\u005C\u0008\u000c\u000A\u000d\u0009"`},
		`"\u0000\u001f"`:                        {`"\u0000\u001F"`},
		"\"é\u2028\x7f😀\"":                      {`"\u00e9\u2028\u007f\ud83d\uDE00"`},
		// A control character sorts before every letter although its escape starts with a backslash.
		`{"\n":1,"A":2,"a":3}`:               {`{"a":3,"A":2,"\u000a":1}`},
		`{"\"":1,"\\":2,"a\u0001":3,"ab":4}`: {`{"ab":4,"a\u0001":3,"\u005c":2,"\u0022":1}`},
		`0`:                                  {`-0`, `0.0`, `-0.000e7`, `0e999999999999999999999`},
		`1`:                                  {`1.0`, `1.000`, `10e-1`, `0.1e1`, `0.01E+2`, `1e0`, `1e-0`, `1e00000000000000000000000000`},
		`-12e2`:                              {`-1200`, `-1.2e3`, `-1200.00`},
		`5e-1`:                               {`0.5`, `0.50`, `5E-1`, `0.005e2`},
		`100001`:                             {`100001.0`, `1000.01e2`},
		`9007199254740993`:                   {`9007199254740993.0`}, // 2^53 + 1, which a double would round
	} {
		for _, text := range append(texts, want) {
			if got, err := canonical(text); err != nil || got != want {
				t.Errorf("Canonical(%s) = %s, %v; want %s", text, got, err, want)
			}
		}
	}
}

func TestDifferentValuesHaveDifferentForms(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, text := range []string{
		`0`, `1`, `-1`, `10`, `0.1`, `9007199254740992`, `9007199254740993`, `1e400`, `1e401`, `"1"`, `"0"`, `""`, `null`,
		`"null"`, `true`, `false`, `[]`, `{}`, `[[]]`, `[{}]`, `[1,2]`, `[2,1]`, `[12]`, `{"a":1}`, `{"A":1}`, `{"a":"1"}`,
		`{"a":null}`, `{"a":1,"b":2}`, `{"a":2,"b":1}`, "\"\u00e9\"", "\"e\u0301\"", `"\u0000"`, `"\\u0000"`,
	} {
		form, err := canonical(text)
		if err != nil {
			t.Fatalf("Canonical(%s): %v", text, err)
		}
		if other, ok := seen[form]; ok {
			t.Errorf("%s and %s have one form, %s", text, other, form)
		}
		seen[form] = text
	}
}

func TestTextsThatAreNotOneValueAreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, c := range map[string]struct {
		text    string
		offset  int
		pointer string
		says    string
	}{
		"nothing":                        {"", 0, "", "empty"},
		"only white space":               {" \n", 2, "", "empty"},
		"a byte order mark":              {"\xef\xbb\xbf{}", 0, "", "byte order mark"},
		"two values":                     {"{} {}", 3, "", "follows"},
		"another white space":            {"\v1", 0, "", "a value"},
		"a cut word":                     {"[tru]", 1, "/0", "true, false or null"},
		"a word in upper case":           {"True", 0, "", "a value"},
		"NaN":                            {"NaN", 0, "", "a value"},
		"a comma too many in an array":   {"[1,]", 3, "/1", "a value"},
		"a comma too many in an object":  {`{"a":1,}`, 7, "", "name in double quotes"},
		"a comment":                      {"{}//", 2, "", "follows"},
		"a single quote":                 {"{'a':1}", 1, "", "name in double quotes"},
		"a missing colon":                {`{"a" 1}`, 5, "", "colon"},
		"a missing comma":                {`{"a":[1 2]}`, 8, "/a", "a comma"},
		"an unclosed object":             {`{"a":1`, 6, "", "ends"},
		"an unclosed array":              {`[`, 1, "/0", "ends"},
		"an unclosed string":             {`{"a":"x`, 7, "/a", "inside a string"},
		"a wrong closing bracket":        {"[1}", 2, "", "array's end"},
		"a raw control character":        {"\"a\nb\"", 2, "", "0x0a"},
		"an unknown escape":              {`"\x41"`, 1, "", "escape"},
		"an escape cut short":            {`"\`, 1, "", "inside an escape"},
		"too few hexadecimal digits":     {`"\u12"`, 1, "", "four hexadecimal"},
		"a wrong hexadecimal digit":      {`"\u12g4"`, 1, "", "four hexadecimal"},
		"a lone high surrogate":          {`"\ud800"`, 1, "", "surrogate"},
		"a lone low surrogate":           {`"\udc00"`, 1, "", "surrogate"},
		"surrogates the wrong way":       {`"\udc00\ud800"`, 1, "", "surrogate"},
		"a high surrogate before text":   {`"\ud800A"`, 1, "", "surrogate"},
		"a surrogate in UTF-8":           {"\"\xed\xa0\x80\"", 1, "", "UTF-8"},
		"an overlong form":               {"\"\xc0\x80\"", 1, "", "UTF-8"},
		"a cut UTF-8 sequence":           {"\"\xe2\x82\"", 1, "", "UTF-8"},
		"a leading zero":                 {"[01]", 1, "/0", "superfluous zero"},
		"a leading plus":                 {"+1", 0, "", "a value"},
		"only a minus":                   {"-", 1, "", "digit"},
		"a point first":                  {".5", 0, "", "a value"},
		"a point last":                   {"1.", 2, "", "digit"},
		"an exponent without digits":     {"1e+", 3, "", "digit of the exponent"},
		"an exponent beyond the limit":   {"1e10001", 0, "", "power of ten"},
		"an exponent far beyond it":      {"1e-99999999999999999999", 0, "", "power of ten"},
		"digits beyond the limit":        {strings.Repeat("9", 1001), 0, "", "1000 digits"},
		"too deep":                       {deep(33), 32, strings.Repeat("/0", 32), "too deeply"},
		"a place with odd names":         {`{"a/b~":[0,x]}`, 11, "/a~1b~0/1", "a value"},
		"a place behind an escaped name": {`{"\u0001\"":x}`, 12, "/\x01\"", "a value"},
		"a place with an endless name":   {`{"` + strings.Repeat("n", 5000) + `":x}`, 5004, "/" + strings.Repeat("n", 100) + "…", "a value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := canonical(c.text)
			syntax, ok := errors.AsType[*idempotency.SyntaxError](err)
			if !ok || syntax.Offset != c.offset || syntax.Pointer != c.pointer || !strings.Contains(syntax.Reason, c.says) || syntax.Duplicate {
				t.Errorf("Canonical(%.60q) = %#v; want offset %d, pointer %q, %q", c.text, err, c.offset, c.pointer, c.says)
			}
			if c.pointer != "" && !strings.Contains(err.Error(), c.pointer) {
				t.Errorf("the text %q does not name the place", err)
			}
		})
	}
}

func TestWhatIsJustInsideTheLimitsIsTaken(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("[", 32) + strings.Repeat("]", 32), "1e10000", "1e-10000", "0.1e10001", strings.Repeat("9", 1000),
	} {
		if _, err := canonical(text); err != nil {
			t.Errorf("Canonical(%.40s): %v", text, err)
		}
	}
	if _, err := idempotency.Canonical(nil, []byte("[[]]"), idempotency.CanonicalLimits{MaxDepth: 1}); err == nil {
		t.Error("a smaller limit of depth is not kept")
	}
}

func TestASecondMemberOfOneNameIsRefused(t *testing.T) {
	t.Parallel()
	for text, pointer := range map[string]string{
		`{"a":1,"a":1}`:               "/a",
		`{"a":1,"b":2,"\u0061":3}`:    "/a",
		`{"x":[{"k":1,"j":2,"k":3}]}`: "/x/0/k",
		`{"\n":1,"\u000a":2}`:         "/\n",
	} {
		_, err := canonical(text)
		syntax, ok := errors.AsType[*idempotency.SyntaxError](err)
		if !ok || !syntax.Duplicate || syntax.Pointer != pointer {
			t.Errorf("Canonical(%s) = %#v; want a duplicate at %s", text, err, pointer)
			continue
		}
		if syntax.Offset == 0 || text[syntax.Offset] != '"' {
			t.Errorf("Canonical(%s): offset %d is not the second name", text, syntax.Offset)
		}
	}
}

func TestTheFormIsAppendedAndAFailureLeavesDstAlone(t *testing.T) {
	t.Parallel()
	out, err := idempotency.Canonical([]byte("x"), []byte(`{"b":1,"a":2}`), idempotency.CanonicalLimits{})
	if err != nil || string(out) != `x{"a":2,"b":1}` {
		t.Errorf("got %s, %v", out, err)
	}
	out, err = idempotency.Canonical([]byte("x"), []byte(`{"b":1,`), idempotency.CanonicalLimits{})
	if err == nil || string(out) != "x" {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestMembersInAnyOrderHaveOneForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.String(), 0, 60, rapid.ID[string]).Draw(t, "names")
		write := func(names []string) []byte {
			var b bytes.Buffer
			b.WriteByte('{')
			for i, name := range names {
				if i > 0 {
					b.WriteByte(',')
				}
				quoted, _ := json.Marshal(name)
				b.Write(quoted)
				b.WriteString(`:{"v":`)
				b.Write(quoted)
				b.WriteString(`,"a":1}`)
			}
			b.WriteByte('}')
			return b.Bytes()
		}
		one, err := idempotency.Canonical(nil, write(names), idempotency.CanonicalLimits{})
		if err != nil {
			t.Fatal(err)
		}
		other, err := idempotency.Canonical(nil, write(rapid.Permutation(names).Draw(t, "order")), idempotency.CanonicalLimits{})
		if err != nil || !bytes.Equal(one, other) {
			t.Fatalf("%s\n%s\n%v", one, other, err)
		}
	})
}

func BenchmarkCanonical(b *testing.B) {
	for name, body := range map[string]string{
		"payment": `{"order_id":"ord_0193558a7c5e8a319d0b1f2e3d4c5b6a","payment_method":"pm_card_visa","capture_method":"automatic","metadata":{"cart":"42"}}`,
		"order":   `{"reference":"R-1","currency":"EUR","items":[{"name":"Tea","quantity":2,"unit_amount":499},{"name":"Cup","quantity":1,"unit_amount":1001}],"metadata":{"b":"2","a":"1"}}`,
	} {
		b.Run(name, func(b *testing.B) {
			var dst [1024]byte
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			text := []byte(body)
			for b.Loop() {
				if _, err := idempotency.Canonical(dst[:0], text, idempotency.CanonicalLimits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
