package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/overlay"
)

// toy is a module with a function, its test, and a test that builds nothing but asks the go command what it would see.
func toy(t *testing.T) *runner {
	t.Helper()
	r := &runner{root: t.TempDir(), work: t.TempDir(), limit: "3m", side: 2, progress: io.Discard}
	for name, text := range map[string]string{
		"go.mod":  "module toy\n\ngo 1.26\n",
		"toy.go":  "package toy\n\nfunc Add(a, b int) int {\n\treturn a + b\n}\n",
		"text.go": "package toy\n\nconst Text = `\nfirst\nsecond\n`\n",
		"toy_test.go": `package toy

import (
	"os"
	"testing"
)

func TestAdd(t *testing.T) {
	t.Run("one and two", func(t *testing.T) {
		if n := Add(1, 2); n != 3 {
			t.Errorf("the sum is %d", n)
		}
	})
}

func TestSkipped(t *testing.T) { t.Skip("not here") }

func TestSumTheSecondTime(t *testing.T) {
	if _, err := os.Stat("ran"); err != nil {
		if err := os.WriteFile("ran", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if n := Add(1, 2); n != 3 {
		t.Errorf("the sum is %d", n)
	}
}

func TestChildren(t *testing.T) { t.Errorf("go commands see %s", os.Getenv("GOFLAGS")) }
`,
	} {
		if err := os.WriteFile(filepath.Join(r.root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestOnlyAFailureOfTheNamedTestForItsReasonIsACatch(t *testing.T) {
	t.Parallel()
	r := toy(t)
	sum := catch{".", "TestAdd/one and two", "the sum is -1"}
	for name, c := range map[string]struct {
		becomes string
		caught  catch
		missed  string // a part of it; "" means caught
	}{
		"caught":                      {"return a - b", sum, ""},
		"caught, named by the parent": {"return a - b", catch{".", "TestAdd", "the sum is -1"}, ""},
		"no difference":               {"return b + a", sum, "the test passes"},
		"another reason":              {"return a * b", sum, "for another reason: toy_test.go:11: the sum is 2"},
		"no Go":                       {"return a +", sum, "toy.go:5:1: syntax error"},
		"no type":                     {`return "a"`, sum, "toy.go:4:9: cannot use"},
		"a panic":                     {`panic("the sum is -1")`, sum, "panic: the sum is -1"},
		"skipped":                     {"return a - b", catch{".", "TestSkipped", "not here"}, "did not run to its end (skip)"},
		"not there":                   {"return a - b", catch{".", "TestMultiply", "x"}, "did not run to its end (not run)"},
		"child processes see it":      {"return b + a", catch{".", "TestChildren", "-overlay=" + r.work}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sabotage{name: name, edits: []edit{{"toy.go", "return a + b", c.becomes}}, caught: c.caught}
			got, err := r.try(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if (got.missed == "") != (c.missed == "") || !strings.Contains(got.missed, c.missed) || got.at != (overlay.Place{File: "toy.go", Line: 4}) {
				t.Errorf("%q at %s, want %q", got.missed, got.at, c.missed)
			}
		})
	}
}

func TestAMissIsTriedOnceMoreAndTheRunSaysSo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ test, becomes, missed, says string }{
		{"TestSumTheSecondTime", "return a - b", "", "TestSumTheSecondTime: the test passes; it is tried once more"},
		{"TestAdd", "return b + a", "the test passes", "TestAdd: the test passes; it is tried once more"},
		{"TestAdd", "return a * b", "for another reason", "the sum is 2; it is tried once more"},
		{"TestAdd", "return a - b", "", ""},
		{"TestAdd", "return a +", "does not compile", ""},
	} {
		r := toy(t)
		var progress strings.Builder
		r.progress = &progress
		s := sabotage{name: c.test, edits: []edit{{"toy.go", "return a + b", c.becomes}}, caught: catch{".", c.test, "the sum is -1"}}
		got, err := r.try(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if (got.missed == "") != (c.missed == "") || !strings.Contains(got.missed, c.missed) {
			t.Errorf("%s by %s: got missed %q, want %q", c.becomes, c.test, got.missed, c.missed)
		}
		if said := progress.String(); (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
			t.Errorf("%s by %s: got progress %q, want %q", c.becomes, c.test, said, c.says)
		}
	}
}

func TestATestThatHangsCatchesNothing(t *testing.T) {
	t.Parallel()
	r := toy(t)
	r.limit = "1s"
	s := sabotage{name: "hangs", edits: []edit{{"toy.go", "return a + b", "select {}"}}, caught: catch{".", "TestAdd", "x"}}
	if got, err := r.try(t.Context(), s); err != nil || got.missed != "panic: test timed out after 1s" {
		t.Errorf("%q, %v", got.missed, err)
	}
}

func TestAReplacementThatDoesNotApplyOnceEndsTheRun(t *testing.T) {
	t.Parallel()
	r := toy(t)
	for _, e := range []edit{{"toy.go", "return c", ""}, {"toy.go", "a", "b"}, {"gone.go", "a", "b"}} {
		s := sabotage{name: "moved", edits: []edit{{"text.go", "first", "last"}, e}, caught: catch{".", "TestAdd", "x"}}
		if err := r.apply([]sabotage{s}); err == nil || !strings.Contains(err.Error(), e.at) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

func TestWhatTheTimeDoesNotAllowIsCounted(t *testing.T) {
	t.Parallel()
	r := toy(t)
	var words strings.Builder
	r.until, r.progress = time.Now().Add(-time.Second), &words
	results, err := r.runAll(t.Context(), []sabotage{{name: "one"}, {name: "two"}})
	if err != nil || len(results) != 0 || !strings.Contains(words.String(), "2 sabotages were not tried") {
		t.Errorf("got %v, %v, %q; want both left, and said so", results, err, words.String())
	}
}

func TestSeveralReplacementsAllApply(t *testing.T) {
	t.Parallel()
	s := sabotage{edits: []edit{{"text.go", "second", "2"}, {"text.go", "first", "1"}, {"toy.go", "a + b", "0"}}}
	texts, at, err := s.apply(toy(t).root)
	if err != nil || at != (overlay.Place{File: "text.go", Line: 5}) || texts["text.go"] != "package toy\n\nconst Text = `\n1\n2\n`\n" || !strings.Contains(texts["toy.go"], "return 0") {
		t.Errorf("%q at %s, %v", texts, at, err)
	}
}

// A test that fails or is skipped anyway would count every sabotage as caught, or none.
func TestWithoutASabotageEachNamedTestHasToPass(t *testing.T) {
	t.Parallel()
	r := toy(t)
	for test, want := range map[string]string{
		"TestAdd/one and two": "", "TestSkipped": "skip: toy_test.go:16: not here", "TestChildren": "fail: ", "TestMultiply": "not run",
	} {
		err := r.clean(t.Context(), []sabotage{{caught: catch{".", test, "x"}}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", test, err, want)
		}
	}
}

func TestTheTableNamesWhatWasMissedAndFails(t *testing.T) {
	t.Parallel()
	caught := result{sabotage: sabotage{name: "one", caught: catch{"pkg", "TestOne", "x"}}, at: overlay.Place{File: "a.go", Line: 1}, effort: time.Minute}
	missed := caught
	missed.name, missed.missed = "two", "the test passes"
	var table strings.Builder
	if err := report(&table, []result{caught, caught}, time.Second); err != nil || !strings.Contains(table.String(), "2 sabotages, 2 caught, in 1s (2m0s of") {
		t.Errorf("%v:\n%s", err, &table)
	}
	table.Reset()
	if err := report(&table, []result{caught, missed}, time.Second); err == nil || !strings.Contains(table.String(), "NOT CAUGHT: the test passes") ||
		!strings.Contains(table.String(), "one  a.go:1    0.0 s  pkg/TestOne\n") {
		t.Errorf("%v:\n%s", err, &table)
	}
}

func TestTheFlagsAreCheckedAndListRunsNothing(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-run", "("}, {"-j", "0"}, {"-nonsense"}, {"everything"}} {
		var words strings.Builder
		if code := run(args, io.Discard, &words); code != 2 || words.Len() == 0 {
			t.Errorf("%q: exit code %d: %s", args, code, &words)
		}
	}
	var list strings.Builder
	if code := run([]string{"-list", "-run", "^no fence in T2$"}, &list, io.Discard); code != 0 || !strings.HasSuffix(list.String(), "\n1 sabotages\n") {
		t.Errorf("exit code %d:\n%s", code, &list)
	}
}
