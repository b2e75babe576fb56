package idempotency_test

import (
	"context"
	"errors"
	"testing"

	"github.com/payonce/payonce/idempotency"
)

var errMissing = errors.New("something else comes first")

// needing is a local effect that needs something done first, as often as it says.
func needing(s *store, missing, runs, done *int, open *int) idempotency.Work[*tx] {
	return idempotency.Work[*tx]{Local: &idempotency.Local[*tx]{Run: func(_ context.Context, t *tx) (*idempotency.Response, error) {
		*runs++
		if *missing > 0 {
			*missing--
			t.effects = append(t.effects, "in vain")
			return nil, &idempotency.PrerequisiteError{Err: errMissing, Do: func(ctx context.Context) {
				if _, bounded := ctx.Deadline(); !bounded || ctx.Err() != nil {
					*open = -1
					return
				}
				*done, *open = *done+1, s.open
			}}
		}
		t.effects = append(t.effects, "written")
		return &idempotency.Response{Status: 201, Body: []byte("made")}, nil
	}}}
}

func TestAPrerequisiteIsDoneOutsideTheTransactionAndTheWorkRunsOnceMore(t *testing.T) {
	t.Parallel()
	s, missing, runs, done, open := newStore(), 1, 0, 0, 0
	engine := idempotency.New(s, nil, idempotency.Options{})
	out, err := engine.Do(t.Context(), request(), needing(s, &missing, &runs, &done, &open))
	if err != nil || out.Source != idempotency.SourceFirst || runs != 2 || done != 1 || open != 0 {
		t.Errorf("got %v, %v, %d runs, done %d times with %d open transactions; want 2, 1, 0", out.Source, err, runs, done, open)
	}
	missing = 1
	again, err := engine.Do(t.Context(), request(), needing(s, &missing, &runs, &done, &open))
	if err != nil || !again.Replayed() || runs != 2 || done != 1 {
		t.Errorf("a replay: got %v, %v, %d runs, done %d times; want none more", again.Source, err, runs, done)
	}
	check(t, s, "written")
}

func TestAPrerequisiteThatIsMissingAgainEndsTheRequest(t *testing.T) {
	t.Parallel()
	s, missing, runs, done, open := newStore(), 5, 0, 0, 0
	engine := idempotency.New(s, nil, idempotency.Options{})
	out, err := engine.Do(t.Context(), request(), needing(s, &missing, &runs, &done, &open))
	if !errors.Is(err, errMissing) || !out.KeyUnused || runs != 2 || done != 1 {
		t.Errorf("got %v, key unused %t, %d runs, done %d times; want %v, true, 2, 1", err, out.KeyUnused, runs, done, errMissing)
	}
	missing = 0
	if out, err := engine.Do(t.Context(), request(), needing(s, &missing, &runs, &done, &open)); err != nil || out.Replayed() {
		t.Errorf("the key is spent: %v, %v", out.Source, err)
	}
	check(t, s, "written")
}

// An operation that is claimed by a copy meanwhile is answered from its record.
func TestAPrerequisiteLeavesTheKeyToAFasterCopy(t *testing.T) {
	t.Parallel()
	s, missing, runs, done, open := newStore(), 1, 0, 0, 0
	work := needing(s, &missing, &runs, &done, &open)
	run := work.Local.Run
	work.Local.Run = func(ctx context.Context, held *tx) (*idempotency.Response, error) {
		response, err := run(ctx, held)
		if first, ok := errors.AsType[*idempotency.PrerequisiteError](err); ok {
			first.Do = func(context.Context) {
				other, copies := idempotency.New(s, nil, idempotency.Options{}), 0
				if _, err := other.Do(t.Context(), request(), writing(&copies)); err != nil {
					t.Error(err)
				}
			}
		}
		return response, err
	}
	out, err := idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), work)
	if err != nil || !out.Replayed() || runs != 1 {
		t.Errorf("got %v, %v, %d runs, want a replay after one run", out.Source, err, runs)
	}
	check(t, s, "written")
}
