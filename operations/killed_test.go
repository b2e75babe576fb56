package operations_test

import (
	"context"
	"testing"

	"github.com/payonce/payonce/idempotency"
)

// killer ends its replica at a step, once, as far as the rest of the world can see it.
type killer struct {
	idempotency.NoSpans

	at idempotency.Step
}

func (k *killer) Finished(context.Context, idempotency.End) {}

func (k *killer) Step(_ context.Context, step idempotency.Step) {
	if step == k.at {
		k.at = ""
		panic("killed " + step)
	}
}

func TestAnEffectIsMadeOnceWhereverItsReplicaIsKilled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string][]idempotency.Step{ // where the replica that begins is killed, and then the one that takes over
		"not at all":           {},
		"before it is claimed": {idempotency.StepBegun},
		"claimed":              {idempotency.StepClaimed},
		"before the call":      {idempotency.StepCalling},
		"after the call":       {idempotency.StepAnswered},
		"completing":           {idempotency.StepCompleting},
		"completed":            {idempotency.StepCommitted},
		"before the call, and its successor taking over":     {idempotency.StepCalling, idempotency.StepTakenOver},
		"before the call, and its successor after a look-up": {idempotency.StepCalling, idempotency.StepAnswered},
		"before the call, and its successor completing":      {idempotency.StepCalling, idempotency.StepCompleting},
		"after the call, and its successor after a look-up":  {idempotency.StepAnswered, idempotency.StepAnswered},
		"after the call, and its successor completing":       {idempotency.StepAnswered, idempotency.StepCompleting},
		"after the call, and its successor completed":        {idempotency.StepAnswered, idempotency.StepCommitted},
	} {
		for _, e := range effects() {
			t.Run(string(e.name)+"/"+name, func(t *testing.T) {
				s := openSimulated(t, e, "pm_card_visa")
				for _, step := range test {
					if out, died, err := s.ask(&killer{at: step}); died == nil {
						t.Fatalf("not killed at %s: %+v, %v", step, out, err)
					}
					s.leasesEnd()
				}
				s.settle()
				want := e.done
				if len(test) > 0 && (test[0] == idempotency.StepClaimed || test[0] == idempotency.StepCalling) {
					want = e.late() // never sent: its successor finds nothing, and a check sends it
				}
				s.expectMoved("in the end", want)
				if s.line.sends != 1 {
					t.Errorf("sent %d times, want once", s.line.sends)
				}
			})
		}
	}
}

// While it sends: the request may have arrived, or not. A takeover that finds nothing answers 202, and a check sends it again.
func TestAnEffectIsMadeOnceWhenItsReplicaIsKilledInTheCall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plan  func(s *simulated)
		sends int
		late  bool
	}{
		"before it arrived":                {func(s *simulated) { s.line.before = func() { panic("killed") } }, 2, true},
		"after it arrived":                 {func(s *simulated) { s.line.after = func() { panic("killed") } }, 1, false},
		"no answer, and it did not arrive": {func(s *simulated) { s.fails("error_then_ok") }, 2, true},
		"no answer, although it arrived":   {func(s *simulated) { s.fails("reset_done") }, 1, true},
		"silence, and it did not arrive":   {func(s *simulated) { s.fails("timeout_not_done") }, 2, true},
		"silence, although it arrived":     {func(s *simulated) { s.fails("timeout_done") }, 1, true},
	} {
		for _, e := range effects() {
			t.Run(string(e.name)+"/"+name, func(t *testing.T) {
				s := openSimulated(t, e, "pm_card_visa")
				test.plan(s)
				if out, died, err := s.ask(nil); died == nil && (err != nil || out.Response.Status != 202) {
					t.Fatalf("got %+v, %v; want killed, or 202", out, err)
				}
				s.settle()
				want := e.done
				if test.late {
					want = e.late()
				}
				s.expectMoved("in the end", want)
				if s.line.sends != test.sends {
					t.Errorf("sent %d times, want %d", s.line.sends, test.sends)
				}
			})
		}
	}
}

// The replicas that check are killed, too: in the look-up, and around the re-send.
func TestAnEffectIsMadeOnceWhenItsCheckersAreKilled(t *testing.T) {
	t.Parallel()
	kill := func() { panic("killed") }
	for name, test := range map[string]struct {
		plan  func(l *line)
		sends int
	}{
		"in the look-up":                     {func(l *line) { l.onLookUp = kill }, 2},
		"in the re-send, before it arrived":  {func(l *line) { l.before = kill }, 3},
		"in the re-send, after it arrived":   {func(l *line) { l.after = kill }, 2},
		"in the look-up, and in the re-send": {func(l *line) { l.onLookUp, l.after = kill, kill }, 2},
	} {
		for _, e := range effects() {
			t.Run(string(e.name)+"/"+name, func(t *testing.T) {
				s := openSimulated(t, e, "pm_card_visa")
				s.fails("error_then_ok")
				s.askAndExpect(202)
				test.plan(s.line)
				s.checkAll()
				s.settle()
				s.expectMoved("in the end", e.late())
				if s.line.sends != test.sends {
					t.Errorf("sent %d times, want %d", s.line.sends, test.sends)
				}
			})
		}
	}
}
