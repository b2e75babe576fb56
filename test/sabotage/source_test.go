package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/overlay"
)

// sum breaks the toy's function, wherever that stands.
func sum() sabotage {
	return sabotage{
		name: "a difference", edits: []edit{{"toy.Add", "return a + b", "return a - b"}},
		caught: catch{"toy", "TestAdd/one and two", "the sum is -1"},
	}
}

// write puts files into the toy's package.
func write(t *testing.T, r *runner, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(r.root, "toy", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADeclarationIsFoundInWhateverFileItStands(t *testing.T) {
	t.Parallel()
	const add = "// Add adds.\nfunc Add(a, b int) int {\n\treturn a + b\n}\n"
	for name, files := range map[string]map[string]string{
		"as it was":            {"toy.go": "package toy\n\n" + add},
		"moved":                {"toy.go": "package toy\n", "more.go": "package toy\n\nvar other int\n\n" + add},
		"beside its like":      {"toy.go": "package toy\n\nfunc Sum(a, b int) int {\n\treturn a + b\n}\n\n" + add},
		"in another build":     {"toy.go": "package toy\n\n" + add, "toy_plan9.go": "package toy\n\n" + add},
		"with another comment": {"toy.go": "package toy\n\n" + strings.Replace(add, "return a + b", "return /* as is */ a + b // sum", 1)},
		"in a test, too":       {"toy.go": "package toy\n\n" + add, "toy_test.go": "package toy_test\n\n" + add},
	} {
		r := toy(t)
		write(t, r, files)
		texts, at, err := sum().apply(r.root)
		if err != nil || strings.Count(texts[at.File], "a - b") != 1 || !strings.Contains(texts[at.File], "func Add(a, b int) int {\n\treturn a - b") {
			t.Errorf("%s: got %q at %s, %v; want a difference in Add", name, texts, at, err)
		}
	}
}

func TestARenamedDeclarationIsAnErrorThatNamesTheRow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"renamed":    {"package toy\n\nfunc Plus(a, b int) int {\n\treturn a + b\n}\n", []string{`"a difference"`, "toy.Add", "no file in toy declares Add"}},
		"a method":   {"package toy\n\ntype n int\n\nfunc (n) Add(a, b int) int {\n\treturn a + b\n}\n", []string{"no file in toy declares Add"}},
		"other text": {"package toy\n\nfunc Add(a, b int) int {\n\treturn b + a\n}\n", []string{`"a difference"`, "toy/toy.go holds 0 times", "return a + b"}},
		"twice":      {"package toy\n\nfunc Add(a, b int) int {\n\tif a > b {\n\t\treturn a + b\n\t}\n\treturn a + b\n}\n", []string{"holds 2 times"}},
		"in comment": {"package toy\n\nfunc Add(a, b int) int {\n\t// return a + b\n\treturn 0\n}\n", []string{"holds 0 times"}},
	} {
		r := toy(t)
		write(t, r, map[string]string{"toy.go": c.text})
		_, _, err := sum().apply(r.root)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
		}
	}
}

func TestEveryKindOfDeclarationHasAName(t *testing.T) {
	t.Parallel()
	r := toy(t)
	write(t, r, map[string]string{"kinds.go": `package toy

const one = 11

const (
	two   = 22 // of a group
	three = 33
)

var four, five = 44, 55

type six struct{ n [66]int }

func (s *six) seven() int { return 77 }

type eight[T any] struct{ t T }

func (e *eight[T]) nine() int { return 99 }
`})
	for symbol, old := range map[string]string{
		"one": "const one = 11", "two": "22", "three": "33", "four": "44", "five": "var four, five = 44, 55", "six": "66", "six.seven": "77", "eight.nine": "99",
	} {
		s := sabotage{edits: []edit{{"toy." + symbol, old, "broken"}}}
		if texts, at, err := s.apply(r.root); err != nil || strings.Count(texts["toy/kinds.go"], "broken") != 1 {
			t.Errorf("%s: got %q at %s, %v; want one broken place", symbol, texts, at, err)
		}
	}
}

func TestEditsOfOneDeclarationAllApplyAndMayNotOverlap(t *testing.T) {
	t.Parallel()
	r := toy(t)
	write(t, r, map[string]string{"toy.go": "package toy\n\nimport \"fmt\"\n\nfunc Add(a, b int) int {\n\tfmt.Println(1)\n\treturn a + b\n}\n"})
	s := sum()
	s.edits, s.imports = append(s.edits, edit{"toy.Add", "Println(1)", "Println(os.Args, 2)"}), []string{"fmt", "os"}
	const want = "package toy\n\nimport \"os\"\n\nimport \"fmt\"\n\nfunc Add(a, b int) int {\n\tfmt.Println(os.Args, 2)\n\treturn a - b\n}\n"
	if texts, at, err := s.apply(r.root); err != nil || at != (overlay.Place{File: "toy/toy.go", Line: 7}) || texts["toy/toy.go"] != want {
		t.Errorf("got %q at %s, %v; want %q", texts["toy/toy.go"], at, err, want)
	}
	s.edits = append(s.edits, edit{"toy/toy.go", "a + b\n}", "}"})
	if _, _, err := s.apply(r.root); err == nil || !strings.Contains(err.Error(), "overlap") {
		t.Errorf("got %v, want an overlap", err)
	}
}

// A comment in it would keep a comment from being changed.
func TestNoPatternHoldsAComment(t *testing.T) {
	t.Parallel()
	comment := regexp.MustCompile(`(^|\s)//|/\*`)
	for _, s := range all() {
		for _, e := range s.edits {
			if inFile := strings.HasSuffix(e.at, ".sql") || strings.HasSuffix(e.at, ".go"); !inFile && comment.MatchString(e.old) {
				t.Errorf("%s: got a comment in %q, want none", s.name, e.old)
			}
		}
	}
}
