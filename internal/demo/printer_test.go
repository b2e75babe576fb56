package demo

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEveryLineKeepsTo80ColumnsWhateverIsShown(t *testing.T) {
	t.Parallel()
	long := step{Who: strings.Repeat("who", 9), Count: 50, Status: 503, Outcome: refused, Says: strings.Repeat("says", 9)}
	broken := result{
		Charges: 1000, Amount: 1999_000, Steps: []step{long, long},
		Breaches: []string{strings.Repeat("many words ", 30), strings.Repeat("oneword", 40)},
	}
	sc := sceneReport{Number: 12, Name: strings.Repeat("name", 5), Without: broken, With: broken}
	doc := report{OrderAmount: price}
	doc.add(sc)
	var out bytes.Buffer
	p := &printer{out: &out}
	p.title()
	for i, known := range scenes() {
		p.scene(i+1, known)
	}
	p.sides(sc)
	p.verdict(doc)
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if text := out.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, "The promise is broken") || strings.Count(text, "oneword") < 30 {
		t.Errorf("without colour, with a breach:\n%s", text)
	}
}

func TestColourChangesNothingButTheColour(t *testing.T) {
	t.Parallel()
	var plain, painted bytes.Buffer
	for _, p := range []*printer{{out: &plain}, {out: &painted, paint: true}} {
		p.title()
		p.scene(1, scenes()[0])
		p.sides(sceneReport{With: result{Charges: 1, Steps: []step{{Who: "click", Count: 1, Status: 201, Outcome: executed, Says: "executed"}}}})
	}
	text := painted.String()
	for _, code := range []string{bold, faint, red, green, title, "1;" + green, "1;" + red, "0"} {
		text = strings.ReplaceAll(text, fmt.Sprintf("\x1b[%sm", code), "")
	}
	trimmed := ""
	for line := range strings.Lines(text) {
		trimmed += strings.TrimRight(line, " \n") + "\n"
	}
	if trimmed != plain.String() || plain.Len() == painted.Len() {
		t.Errorf("painted:\n%s\nplain:\n%s", trimmed, &plain)
	}
}
