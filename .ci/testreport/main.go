// Command testreport reads `go test -json` from stdin and prints a line per package, what a package says besides its
// tests (the fault matrix, say), the output of what failed, and the line "N passed, N failed, N skipped". It exits 1 when
// a test failed or was skipped: a skipped test proves nothing, and a store that was missing must not look like success.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of go test -json; see `go doc test2json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build that failed
	Test       string
	Elapsed    float64
	Output     string
}

func (e event) name() string { return strings.TrimSpace(e.Package + e.ImportPath + " " + e.Test) }

type report struct {
	out                     io.Writer
	passed, failed, skipped int
	broken                  bool // a package failed outside its tests
	output                  map[string][]string
}

func main() {
	r := &report{out: os.Stdout, output: map[string][]string{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.failed > 0 || r.skipped > 0 || r.broken || r.passed == 0 {
		os.Exit(1)
	}
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Fprint(r.out, string(line)) // the go command's own words
		return
	}
	switch e.Action {
	case "output", "build-output":
		r.output[e.name()] = append(r.output[e.name()], e.Output)
	case "pass", "fail", "skip":
		r.finish(e)
	case "build-fail":
		r.broken = true
		r.show(e)
		delete(r.output, e.name())
	}
}

func (r *report) finish(e event) {
	switch {
	case e.Test == "":
		r.finishPackage(e)
	case e.Action == "pass":
		r.passed++
	case e.Action == "fail":
		r.failed++
		r.show(e)
	default:
		r.skipped++
		r.show(e)
	}
	delete(r.output, e.name())
}

func (r *report) finishPackage(e event) {
	switch e.Action {
	case "pass":
		for _, text := range r.output[e.name()] {
			if text != "PASS\n" && !strings.HasPrefix(text, "ok  \t") {
				fmt.Fprint(r.out, text)
			}
		}
		fmt.Fprintf(r.out, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		r.broken = true
		r.show(e)
		r.showUnfinished(e.Package)
		fmt.Fprintf(r.out, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	default:
		fmt.Fprintf(r.out, "?     %s  no test files\n", e.Package)
	}
}

// showUnfinished prints what tests had said that never ended, in a package that crashed or ran out of time.
func (r *report) showUnfinished(pkg string) {
	for name := range r.output {
		if strings.HasPrefix(name, pkg+" ") {
			fmt.Fprintf(r.out, "unfinished: %s\n%s", name, strings.Join(r.output[name], ""))
			delete(r.output, name)
		}
	}
}

func (r *report) show(e event) {
	for _, text := range r.output[e.name()] {
		if !strings.HasPrefix(text, "=== ") {
			fmt.Fprint(r.out, text)
		}
	}
}
