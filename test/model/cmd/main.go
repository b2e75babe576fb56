// Command cmd explores the model of the protocol and prints what it visited, and the shortest way to each violation that a
// sabotage leads to.
//
//	go run ./test/model/cmd                       the bounds of the tests
//	go run ./test/model/cmd -wide                 three faults nearly everywhere; takes minutes and 3 GB
//	go run ./test/model/cmd -only keys            configurations and sabotages whose name holds a text
//	go run ./test/model/cmd -only fence -traces   with the steps of each counterexample
//
// It fails when the sound protocol breaks, or a sabotage is not caught.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/payonce/payonce/test/model"
)

func main() {
	var opt options
	flag.BoolVar(&opt.wide, "wide", false, "more faults, for minutes and 3 GB")
	flag.BoolVar(&opt.traces, "traces", false, "print the steps of each counterexample")
	flag.StringVar(&opt.only, "only", "", "a part of the names to run")
	flag.Parse()
	if !run(os.Stdout, opt) {
		os.Exit(1)
	}
}

type options struct {
	wide, traces bool
	only         string
}

func (o options) wants(name string) bool { return strings.Contains(name, o.only) }

// run prints all tables; false when something is not as it has to be.
func run(out io.Writer, opt options) bool {
	sound := safety(out, opt)
	alive := liveness(out, opt)
	caught := trials(out, opt, "sabotage", model.Sabotages())
	needed := trials(out, opt, "without the assumption that", model.Needs())
	fmt.Fprintln(out, "\nnot at the level of the model")
	for _, other := range model.Beyond() {
		fmt.Fprintf(out, "  %s: %s\n", other[0], other[1])
	}
	return sound && alive && caught && needed
}

func safety(out io.Writer, opt options) bool {
	fmt.Fprintf(out, "%-38s %6s %9s %11s %5s %7s\n", "every interleaving", "faults", "states", "steps", "depth", "time")
	ok := true
	for _, setup := range model.Standard() {
		if !opt.wants(setup.Name) {
			continue
		}
		if opt.wide {
			setup.Faults = setup.Wide
		}
		r := model.Explore(setup.Config)
		fmt.Fprintf(out, "%-38s %6d %9d %11d %5d %7s\n", setup.Name, setup.Faults, r.States, r.Transitions, r.Depth, short(r.Took))
		ok = explain(out, r) && ok
	}
	return ok
}

func liveness(out io.Writer, opt options) bool {
	fmt.Fprintf(out, "\n%-38s %6s %9s %11s %5s %7s\n", "every fair run without more faults", "faults", "states", "steps", "", "time")
	ok := true
	for _, setup := range model.Standard() {
		if setup.Live < 0 || !opt.wants(setup.Name) {
			continue
		}
		setup.Faults = setup.Live
		r := model.Complete(setup.Config)
		fmt.Fprintf(out, "%-38s %6d %9d %11d %5s %7s\n", setup.Name, setup.Faults, r.States, r.Edges, "", short(r.Took))
		ok = explain(out, r.Result) && ok
	}
	return ok
}

// explain prints what a sound protocol must not have.
func explain(out io.Writer, r model.Result) bool {
	if r.Violation == "" {
		return true
	}
	fmt.Fprintf(out, "BROKEN: %s\n%s\n", r.Violation, strings.Join(r.Trace, "\n"))
	return false
}

func trials(out io.Writer, opt options, what string, all []model.Trial) bool {
	fmt.Fprintf(out, "\n%-66s %9s  %s\n", what, "states", "found")
	ok := true
	for _, trial := range all {
		if !opt.wants(trial.Name) {
			continue
		}
		r := trial.Run()
		found := r.Violation
		if found != trial.Broken {
			found, ok = fmt.Sprintf("NOT CAUGHT: found %q, want %q", found, trial.Broken), false
		}
		fmt.Fprintf(out, "%-66s %9d  %s\n", trial.Name, r.States, found)
		if opt.traces {
			fmt.Fprintf(out, "%s\n\n", strings.Join(r.Trace, "\n"))
		}
	}
	return ok
}

func short(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
