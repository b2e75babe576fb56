package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/payonce/payonce/idempotency"
)

// plain is work of a plain handler whose only effect is its transaction.
func plain(runs *int, run func() (*idempotency.Response, error)) idempotency.Work[*tx] {
	return idempotency.Work[*tx]{Local: &idempotency.Local[*tx]{Once: true, TxOnly: true, Run: func(_ context.Context, t *tx) (*idempotency.Response, error) {
		*runs++
		t.effects = append(t.effects, "plain")
		return run()
	}}}
}

func made() (*idempotency.Response, error) {
	return &idempotency.Response{Status: 201, Body: []byte("made")}, nil
}

func TestTxOnlyWorkOfANewKeyIsSentWhole(t *testing.T) {
	t.Parallel()
	s, g, engine := unseen()
	runs := 0
	_ = g.do(t, engine, plain(&runs, made), "enter", "publish")
	s.asked(t, 1, 0)
	check(t, s.store, "plain")
	if runs != 1 {
		t.Errorf("ran %d times, want 1", runs)
	}
}

// Whatever the work of a copy comes to, the copy's answer is the record's, and the work ran once for it at most.
func TestTxOnlyWorkOfATakenKeyIsAnsweredByItsRecord(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, run := range map[string]func() (*idempotency.Response, error){
		"answers": func() (*idempotency.Response, error) {
			return &idempotency.Response{Status: 201, Body: []byte("another")}, nil
		},
		"refuses": func() (*idempotency.Response, error) { return nil, refused },
		"panics":  func() (*idempotency.Response, error) { panic("broken") },
	} {
		s, g, engine := unseen()
		first, runs := 0, 0
		_ = g.do(t, engine, plain(&first, made), "enter", "publish")
		out, err := unpanicked(engine, plain(&runs, run))
		if err != nil || out.Source != idempotency.SourcePostgres || string(out.Response.Body) != "made" || runs != 1 {
			t.Errorf("%s: got %+v, %v after %d runs, want the first response", name, out, err, runs)
		}
		other := request()
		other.Fingerprint[1]++
		if err == nil {
			if _, err := engine.Do(t.Context(), other, plain(&runs, run)); !errors.Is(err, idempotency.ErrReused) {
				t.Errorf("%s: another request: got %v, want ErrReused", name, err)
			}
		}
		check(t, s.store, "plain")

		s, _, engine = unseen()
		s.held[request().KeyHash] = true
		_, err = unpanicked(engine, plain(&runs, run))
		if _, ok := errors.AsType[*idempotency.InFlightError](err); !ok {
			t.Errorf("%s: a key in use: got %v, want InFlightError", name, err)
		}
		check(t, s.store)
	}
}

// unpanicked asks, and has a panic as an error.
func unpanicked(engine *idempotency.Engine[*tx], work idempotency.Work[*tx]) (out idempotency.Outcome, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return engine.Do(context.Background(), request(), work)
}

func TestTxOnlyWorkThatRefusesANewKeyIsBelieved(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	s, g, engine := unseen()
	runs := 0
	if err := g.do(t, engine, plain(&runs, func() (*idempotency.Response, error) { return nil, refused }), "enter", "leave"); !errors.Is(err, refused) || runs != 1 {
		t.Errorf("got %v after %d runs", err, runs)
	}
	func() {
		defer func() {
			if cause := recover(); cause != "broken" {
				t.Errorf("got %v, want the panic to go on", cause)
			}
		}()
		_, _ = engine.Do(t.Context(), request(), plain(&runs, func() (*idempotency.Response, error) { panic("broken") }))
	}()
	check(t, s.store)
	_ = g.do(t, engine, plain(&runs, made), "enter", "publish") // the key is free
	check(t, s.store, "plain")
}

// A lost race must not run it again: the client does.
func TestTxOnlyWorkThatLosesARaceRunsOnce(t *testing.T) {
	t.Parallel()
	for _, doubt := range []doubt{none, rolledBack} {
		s, _, engine := unseen()
		if s.next = doubt; doubt == none {
			s.race = 1
		}
		runs := 0
		_, err := engine.Do(t.Context(), request(), plain(&runs, made))
		if !errors.Is(err, idempotency.ErrUnavailable) || runs != 1 {
			t.Errorf("doubt %d: got %v after %d runs, want ErrUnavailable after 1", doubt, err, runs)
		}
		check(t, s.store)
	}
	s, _, engine := unseen()
	s.next = committed
	runs := 0
	out, err := engine.Do(t.Context(), request(), plain(&runs, made))
	if err != nil || out.Source != idempotency.SourceFirst || runs != 1 {
		t.Errorf("committed without an answer: got %v, %v after %d runs", out.Source, err, runs)
	}
}
