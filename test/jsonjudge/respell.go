package jsonjudge

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf16"
)

// maxDigits is how many digits a number may get by being spelled another way.
const maxDigits = 1000

// Respell writes a value in one of its many spellings, chosen by seed: members in another order, white space, escapes,
// and numbers with their decimal point elsewhere. Numbers get at most 1000 digits, unless they have more already.
func Respell(value any, seed uint64) []byte {
	w := writer{dice: rand.New(rand.NewPCG(seed, 0))}
	w.value(value)
	return []byte(w.out.String())
}

type writer struct {
	dice *rand.Rand
	out  strings.Builder
}

func (w *writer) space() {
	for w.dice.IntN(4) == 0 {
		w.out.WriteByte(" \t\r\n"[w.dice.IntN(4)])
	}
}

func (w *writer) token(text string) {
	w.space()
	w.out.WriteString(text)
	w.space()
}

func (w *writer) value(value any) {
	switch value := value.(type) {
	case []any:
		w.token("[")
		for i, element := range value {
			if i > 0 {
				w.token(",")
			}
			w.value(element)
		}
		w.token("]")
	case map[string]any:
		w.object(value)
	case string:
		w.string(value)
	case json.Number:
		w.token(w.number(ParseNumber(string(value))))
	default: // bool, nil
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		w.token(string(text))
	}
}

func (w *writer) object(object map[string]any) {
	names := slices.Sorted(maps.Keys(object))
	w.dice.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	w.token("{")
	for i, name := range names {
		if i > 0 {
			w.token(",")
		}
		w.string(name)
		w.token(":")
		w.value(object[name])
	}
	w.token("}")
}

func (w *writer) string(text string) {
	w.space()
	w.out.WriteByte('"')
	for _, r := range text {
		short := strings.IndexRune("\"\\/\b\f\n\r\t", r)
		switch {
		case short >= 0 && w.dice.IntN(2) == 0:
			w.out.WriteString(`\` + `"\/bfnrt`[short:short+1])
		case r < 0x20 || r == '"' || r == '\\' || w.dice.IntN(3) == 0:
			w.escape(r)
		default:
			w.out.WriteRune(r)
		}
	}
	w.out.WriteByte('"')
	w.space()
}

func (w *writer) escape(r rune) {
	for _, unit := range utf16.Encode([]rune{r}) {
		form := []string{`\u%04x`, `\u%04X`}[w.dice.IntN(2)]
		fmt.Fprintf(&w.out, form, unit)
	}
}

// number moves the decimal point and adds zeros.
func (w *writer) number(n Number) string {
	digits, sign := n.Mantissa.String(), ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		digits, sign = rest, "-"
	}
	if digits == "0" {
		return []string{"0", "-0", "0.00", "0e7", "-0.0E-99999"}[w.dice.IntN(5)]
	}
	exponent := new(big.Int).Set(n.Exponent)
	if zeros := w.dice.IntN(4); len(digits)+zeros <= maxDigits {
		digits += strings.Repeat("0", zeros)
		exponent.Sub(exponent, big.NewInt(int64(zeros)))
	}
	if point := w.dice.IntN(len(digits)); point > 0 {
		exponent.Add(exponent, big.NewInt(int64(len(digits)-point)))
		digits = digits[:point] + "." + digits[point:]
	}
	if exponent.Sign() == 0 && w.dice.IntN(2) == 0 {
		return sign + digits
	}
	text := exponent.String()
	if exponent.Sign() >= 0 {
		text = []string{"", "+", "00"}[w.dice.IntN(3)] + text
	}
	return sign + digits + []string{"e", "E"}[w.dice.IntN(2)] + text
}
