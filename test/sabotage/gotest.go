package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// outcome is what a run of go test came to.
type outcome struct {
	ended  map[string]string           // test to "pass", "fail" or "skip"
	output map[string]*strings.Builder // by test; "" for what belongs to none
	broken string                      // why the run proves nothing
	effort time.Duration               // of the processors: compiler, linker and tests
}

// event is one line of go test -json; see `go doc test2json`.
type event struct{ Action, Test, Output string }

// goTest runs the tests that match pattern in a package.
func (r *runner) goTest(ctx context.Context, pkg, pattern string, env []string) (*outcome, error) {
	command := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-failfast", "-vet=off", "-ldflags=-s -w",
		"-timeout="+r.limit, "-run="+pattern, "./"+pkg)
	command.Dir, command.Env = r.root, env
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	var out, words bytes.Buffer
	command.Stdout, command.Stderr = &out, &words
	err := command.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	o := read(out.Bytes())
	o.effort = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	if err != nil && o.broken == "" && len(o.ended) == 0 {
		o.broken = "go test failed: " + firstLine(words.String()+err.Error())
	}
	return o, nil
}

// read collects what go test -json printed.
func read(lines []byte) *outcome {
	o := &outcome{ended: map[string]string{}, output: map[string]*strings.Builder{}}
	for line := range bytes.Lines(lines) {
		var e event
		if json.Unmarshal(line, &e) != nil {
			continue // the go command's own words
		}
		switch e.Action {
		case "output", "build-output":
			o.says(e)
		case "pass", "fail", "skip":
			if e.Test != "" {
				o.ended[e.Test] = e.Action
			}
		case "build-fail":
			o.broken = "does not compile"
		}
	}
	if text, built := o.output[""]; o.broken == "does not compile" && built {
		o.broken += ": " + compileError(text.String())
	}
	return o
}

// says keeps a line. A panic ends the whole test binary, at the runtime's word and not at the test's.
func (o *outcome) says(e event) {
	if strings.HasPrefix(e.Output, "panic: ") || strings.HasPrefix(e.Output, "fatal error: ") {
		o.broken = strings.TrimSpace(e.Output)
	}
	text, known := o.output[e.Test]
	if !known {
		text = &strings.Builder{}
		o.output[e.Test] = text
	}
	text.WriteString(e.Output)
}

// words is everything that a test and its subtests printed.
func (o *outcome) words(test string) string {
	var all strings.Builder
	for name, text := range o.output {
		if name == test || strings.HasPrefix(name, test+"/") {
			all.WriteString(text.String())
		}
	}
	return all.String()
}

// missed says why the outcome doesn't show that the sabotage was caught; "" when it does.
func (c catch) missed(o *outcome) string {
	switch {
	case o.broken != "":
		return o.broken
	case o.ended[c.id()] == "pass":
		return "the test passes"
	case o.ended[c.id()] != "fail":
		return fmt.Sprintf("the test did not run to its end (%s)", o.state(c))
	case !strings.Contains(o.words(c.id()), c.says):
		return "the test failed for another reason: " + complaint(o.words(c.id()))
	}
	return ""
}

// ended tells whether the test passed or failed by its own judgement: another run of it may end in another way.
func (c catch) ended(o *outcome) bool {
	return o.broken == "" && (o.ended[c.id()] == "pass" || o.ended[c.id()] == "fail")
}

// unfit says why the outcome doesn't show that the test passes without a sabotage; "" when it does.
func (c catch) unfit(o *outcome) string {
	switch {
	case o.broken != "":
		return o.broken
	case o.ended[c.id()] != "pass":
		return fmt.Sprintf("%s: %s", o.state(c), complaint(o.words(c.id())))
	}
	return ""
}

func (o *outcome) state(c catch) string {
	if state := o.ended[c.id()]; state != "" {
		return state
	}
	return "not run"
}

// complaint is the first thing that a failed test said: what t.Error and its kin print behind file and line.
func complaint(words string) string {
	if found := regexp.MustCompile(`(?m)^\s+\w+\.go:\d+: .*$`).FindString(words); found != "" {
		return strings.TrimSpace(found)
	}
	return firstLine(words)
}

func compileError(words string) string {
	if found := regexp.MustCompile(`(?m)^\S*:\d+:\d+: .*$`).FindString(words); found != "" {
		return found
	}
	return firstLine(words)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
