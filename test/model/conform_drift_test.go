package model

import (
	"strings"
	"testing"
)

// driftSet is large enough for each mistake of this file.
func driftSet(sabotage Sabotage) Config {
	return Config{
		Requests: []Request{{}, {}}, Redis: true, Refuses: true, Declines: true, HangUps: true, Halves: true, Life: true, Sabotage: sabotage,
	}
}

// drifts tells where a wrong engine and the model, or the engine and a wrong model, part.
func drifts(t *testing.T, cfg Config, wrong mistake) string {
	t.Helper()
	p := newTracer(cfg).wander(1)
	for range 100 {
		if differs, _ := replay(t, p.m, p.walk(60, 3), nil, wrong); differs != "" {
			return differs
		}
	}
	return ""
}

func TestEngineThatDriftsFromTheModelIsNoticed(t *testing.T) {
	t.Parallel()
	for _, drift := range []struct {
		name  string
		wrong mistake
		shows string
	}{
		{"completes a record under another's claim", completesUnderAny, `got record K1 completed`},
		{"releases the marker although a claim stands", releasesMarkerAlways, "got Redis K1 nothing"},
		{"calls before the claim is committed", callsBeforeClaim, "got provider key 1 charged 1 times"},
		{"publishes before the commit", publishesTooEarly, "got Redis K1 20"},
	} {
		t.Run(drift.name, func(t *testing.T) {
			t.Parallel()
			if got := drifts(t, driftSet(Sound), drift.wrong); !strings.Contains(got, drift.shows) {
				t.Errorf("got the difference %q, want one with %q", got, drift.shows)
			}
		})
	}
}

func TestModelThatDriftsFromTheEngineIsNoticed(t *testing.T) {
	t.Parallel()
	for name, sabotage := range map[string]Sabotage{
		"completes without its fence":              NoFenceInCompletion,
		"publishes before the commit":              PublishBeforeCommit,
		"answers before the commit":                SocketBeforeCommit,
		"gives up with its client":                 RequestContextInCompletion,
		"takes an unanswered COMMIT for no COMMIT": CommitErrorIsRollback,
		"commits past a guard":                     GuardDoesNotRaise,
		"releases a claim after a takeover":        ReleaseAfterTakeover,
		"takes over while the lease runs":          LeaseByReplicaClock,
		"recovers without a claim of its own":      RecoveryWithoutFence,
		"runs again without reading again":         RetryWithoutReading,
		"reads a standby":                          ReadFromStandby,
		"resolves a COMMIT without waiting":        ResolveDoesNotWait,
		"believes a marker":                        MarkerBelieved,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := drifts(t, driftSet(sabotage), noMistake); got == "" {
				t.Error("got a model that the engine follows, want a difference")
			}
		})
	}
}
