package jsonjudge_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/jsonjudge"
)

func TestTextsThatMeanTheSameAreEqual(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{`{"a":1,"b":[true,null]}`, ` { "b" : [ true , null ] , "\u0061" : 10e-1 } `},
		{`-0`, `0.000e99999999999999999999`},
		{`1e99999999999999999999`, `0.1E+100000000000000000000`},
		{`"\ud83d\ude00"`, `"😀"`},
	} {
		if !equal(t, pair[0], pair[1]) {
			t.Errorf("%s and %s differ", pair[0], pair[1])
		}
	}
}

func TestTextsThatMeanSomethingElseDiffer(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{`9007199254740993`, `9007199254740992`},
		{`0.1`, `0.10000000000000000000000001`},
		{`1`, `-1`},
		{`1e400`, `1e401`},
		{`1`, `"1"`},
		{`[1,2]`, `[2,1]`},
		{`{"a":1}`, `{"a":1,"b":null}`},
		{`"é"`, `"e\u0301"`},
	} {
		if equal(t, pair[0], pair[1]) {
			t.Errorf("%s and %s are the same", pair[0], pair[1])
		}
	}
}

func equal(t *testing.T, a, b string) bool {
	t.Helper()
	one, okOne := jsonjudge.Read([]byte(a))
	two, okTwo := jsonjudge.Read([]byte(b))
	if !okOne || !okTwo {
		t.Fatalf("%s or %s is not read", a, b)
	}
	return jsonjudge.Equal(one.Value, two.Value)
}

func TestWhatReadersCouldTakeDifferentlyIsSeen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]jsonjudge.Text{
		`{"a":1,"\u0061":2}`:   {Duplicate: true, Depth: 1},
		`[[{"a":null}]]`:       {Null: true, Depth: 3},
		`"\ud800"`:             {LoneSurrogate: true},
		`"\ud800x"`:            {LoneSurrogate: true},
		`"\ud800\u0041"`:       {LoneSurrogate: true},
		`"\ud800\n"`:           {LoneSurrogate: true},
		`"\udc00\ud800"`:       {LoneSurrogate: true},
		`"\\ud800"`:            {},
		`"\\\ud83d\ude00\\u"`:  {},
		`"\ud83d\ude00\ude00"`: {LoneSurrogate: true},
	} {
		got, ok := jsonjudge.Read([]byte(text))
		if !ok || got.Duplicate != want.Duplicate || got.Null != want.Null || got.Depth != want.Depth || got.LoneSurrogate != want.LoneSurrogate {
			t.Errorf("%s: %+v", text, got)
		}
	}
	for _, text := range []string{"", "1 1", "\xef\xbb\xbf1", "\"\xff\"", "{", "01", "[1,]"} {
		if _, ok := jsonjudge.Read([]byte(text)); ok {
			t.Errorf("%q is read", text)
		}
	}
}

func TestEverySpellingIsTheSameValue(t *testing.T) {
	t.Parallel()
	const text = `{"a":[0,-1,1900,0.5,-12.340,1e-7,9007199254740993],"b/\"\\\n\u0000é😀":{"":"","x":"\u2028"},"c":true,"d":null}`
	first, _ := jsonjudge.Read([]byte(text))
	spellings := map[string]bool{}
	for seed := range uint64(500) {
		other := jsonjudge.Respell(first.Value, seed)
		read, ok := jsonjudge.Read(other)
		if !ok || !jsonjudge.Equal(first.Value, read.Value) {
			t.Fatalf("seed %d: %s", seed, other)
		}
		spellings[string(other)] = true
	}
	if len(spellings) < 490 {
		t.Errorf("%d spellings", len(spellings))
	}
}

func TestIntegersFitOrDoNot(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"0": true, "-0": true, "255": true, "256": false, "-1": false, "1.0": false, "1e0": false, "250": true, strings.Repeat("9", 5000): false,
	} {
		if got := jsonjudge.ParseNumber(text).Fits(big.NewInt(0), big.NewInt(255)); got != want {
			t.Errorf("%.20s fits: %v", text, got)
		}
	}
}
