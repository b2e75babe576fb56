package model_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/model"
)

// bounded keeps a search under the race detector short.
func bounded(faults int) int {
	if model.RaceEnabled {
		return min(faults, 0)
	}
	return faults
}

func TestEveryInterleavingKeepsThePromise(t *testing.T) {
	t.Parallel()
	for _, setup := range model.Standard() {
		t.Run(setup.Name, func(t *testing.T) {
			t.Parallel()
			setup.Faults = bounded(setup.Faults)
			r := model.Explore(setup.Config)
			t.Logf("up to %d faults: %d states %v, %d transitions, depth %d, %s", setup.Faults, r.States, r.ByFaults, r.Transitions, r.Depth, r.Took)
			if r.Violation != "" {
				t.Errorf("%s:\n%s", r.Violation, strings.Join(r.Trace, "\n"))
			}
			if want := setup.Faults + 1; r.States < 5 || len(r.ByFaults) != want || r.ByFaults[setup.Faults] == 0 {
				t.Errorf("states by faults: %v, want %d counts above zero", r.ByFaults, want)
			}
		})
	}
}

func TestEveryKeyComesToItsEndWhenTheFaultsAreOver(t *testing.T) {
	t.Parallel()
	for _, setup := range model.Standard() {
		if setup.Live < 0 {
			continue
		}
		t.Run(setup.Name, func(t *testing.T) {
			t.Parallel()
			setup.Faults = bounded(setup.Live)
			r := model.Complete(setup.Config)
			t.Logf("after up to %d faults: %d states, %d of them open, %d steps without faults, %s", setup.Faults, r.States, r.Open, r.Edges, r.Took)
			if r.Violation != "" {
				t.Errorf("%s:\n%s", r.Violation, strings.Join(r.Trace, "\n"))
			}
			if r.Open == 0 || r.Open == r.States || r.Edges < r.Open {
				t.Errorf("%d of %d states are open, with %d steps", r.Open, r.States, r.Edges)
			}
		})
	}
}

func TestEachSabotageIsCaught(t *testing.T) {
	t.Parallel()
	for _, trial := range model.Sabotages() {
		t.Run(trial.Name, func(t *testing.T) {
			t.Parallel()
			caught(t, trial)
		})
	}
	for _, other := range model.Beyond() {
		t.Logf("not at the level of the model: %s: %s", other[0], other[1])
	}
}

func TestEachAssumptionIsNeeded(t *testing.T) {
	t.Parallel()
	for _, trial := range model.Needs() {
		t.Run(trial.Name, func(t *testing.T) {
			t.Parallel()
			caught(t, trial)
		})
	}
}

func caught(t *testing.T, trial model.Trial) {
	t.Helper()
	r := trial.Run()
	t.Logf("%q after %d states\n%s", r.Violation, r.States, strings.Join(r.Trace, "\n"))
	if r.Violation != trial.Broken || len(r.Trace) == 0 {
		t.Fatalf("found %q, want %q", r.Violation, trial.Broken)
	}
	if last := r.Trace[len(r.Trace)-1]; strings.HasPrefix(last, "no step") {
		t.Error("the trace can't be walked")
	}
}

func TestTheSoundProtocolHoldsWhereTheSabotagedOnesBreak(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, setup := range model.Standard() { // those are looked at already
		setup.Name = ""
		seen[fmt.Sprint(setup.Config, false)] = true
	}
	for _, trial := range append(model.Sabotages(), model.Needs()...) {
		trial = trial.Sound()
		cfg := fmt.Sprint(trial.Config, trial.Live())
		if seen[cfg] {
			continue
		}
		seen[cfg] = true
		t.Run("where that is caught: "+trial.Name, func(t *testing.T) {
			t.Parallel()
			trial.Config.Faults = bounded(trial.Config.Faults)
			if r := trial.Run(); r.Violation != "" {
				t.Errorf("%s:\n%s", r.Violation, strings.Join(r.Trace, "\n"))
			}
		})
	}
}
