package payonce_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	payonce "github.com/payonce/payonce/client"
)

var other = payonce.CreateOrder{Amount: 500, Currency: "EUR"}

func TestAnOperationKeepsItsKeyAfterASuccess(t *testing.T) {
	t.Parallel()
	s := script(created)
	c := client(t, s, payonce.Options{})
	for range 2 {
		if _, err := c.CreateOrder(t.Context(), "basket-1", order); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.CreateOrder(t.Context(), "basket-2", order); err != nil {
		t.Fatal(err)
	}
	r := s.requests()
	if r[0].key != r[1].key || r[2].key == r[0].key {
		t.Errorf("got the keys %s, %s and %s; want one per operation", r[0].key, r[1].key, r[2].key)
	}
	if _, err := c.CreateOrder(t.Context(), "basket-1", other); !errors.Is(err, payonce.ErrOtherRequest) {
		t.Errorf("another request of the operation: got %v, want ErrOtherRequest", err)
	}
	if _, err := c.CreateOrder(t.Context(), "", order); !errors.Is(err, payonce.ErrNoOperation) {
		t.Errorf("no operation: got %v, want ErrNoOperation", err)
	}
	if n := len(s.requests()); n != 3 {
		t.Errorf("got %d requests, want 3: what is refused here is not sent", n)
	}
	if err := c.Forget(t.Context(), "basket-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateOrder(t.Context(), "basket-1", other); err != nil {
		t.Errorf("after Forget: %v", err)
	}
}

// The answers of one call, and whether the next one has a new key.
func TestAKeyChangesOnlyWhenARefusalShowsThatANewOneIsSafe(t *testing.T) {
	t.Parallel()
	canceled := says(410, `{"code":"idempotency-key-canceled","safe_new_key":true}`)
	unavailable := says(503, ``, "Content-Type", "text/html")
	for name, test := range map[string]struct {
		answers  []answer
		released bool
	}{
		"a refusal of the only request":                   {[]answer{wrong}, true},
		"the same behind an answer of the service":        {[]answer{away, wrong}, true},
		"the same behind a request that may still arrive": {[]answer{lost, wrong}, false},
		"the same behind a gateway's answer":              {[]answer{unavailable, wrong}, false},
		"the same behind an answer that broke off":        {[]answer{cut, wrong}, false},
		"a refusal that knows nothing of the key":         {[]answer{wrongHere}, false},
		"a decline":                           {[]answer{declined}, true},
		"a decline, whatever was lost before": {[]answer{lost, declined}, true},
		"a key that was given up, whatever was lost before":    {[]answer{lost, canceled}, true},
		"a refusal that is not payonce's":                      {[]answer{says(403, ``, "Content-Type", "text/html")}, false},
		"an outcome that is not known":                         {[]answer{lost}, false},
		"a success":                                            {[]answer{created}, false},
		"a conflict that may pass, for as long as it does not": {[]answer{says(409, `{"code":"order-not-payable","retryable":true,"safe_new_key":true}`)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := script(test.answers...)
				c := client(t, s, payonce.Options{Attempts: 3})
				_, _ = c.CreateOrder(t.Context(), "basket-1", order) // what becomes of it is the other tests'
				first := s.requests()[0].key
				s.then(created)
				_, err := c.CreateOrder(t.Context(), "basket-1", other)
				if released := err == nil; released != test.released || (!released && !errors.Is(err, payonce.ErrOtherRequest)) {
					t.Fatalf("other values: got %v, want them accepted: %t", err, test.released)
				}
				if !test.released {
					if _, err := c.CreateOrder(t.Context(), "basket-1", order); err != nil {
						t.Fatal(err)
					}
				}
				if got := s.requests()[0].key; (got != first) != test.released {
					t.Errorf("got the key %s after %s, want a new one: %t", got, first, test.released)
				}
			})
		})
	}
}

// What is refused before the server looks the key up did nothing, so the next values go under the same key. By then another
// client has been started: what is known is in the store.
func TestACorrectedRequestGoesUnderTheKeyThatTheServerHasNotLookedUp(t *testing.T) {
	t.Parallel()
	tooLarge := says(413, `{"code":"body-too-large","retryable":false,"safe_new_key":false}`)
	for name, test := range map[string]struct {
		calls   [][]answer // each call has the same values but the last
		allowed bool
	}{
		"a body that is too large":           {[][]answer{{tooLarge}}, true},
		"twice":                              {[][]answer{{tooLarge}, {tooLarge}}, true},
		"a media type":                       {[][]answer{{says(415, `{"code":"unsupported-media-type"}`)}}, true},
		"no API key":                         {[][]answer{{says(401, `{"code":"unauthorized"}`)}}, true},
		"no API key, then a wrong value":     {[][]answer{{says(401, `{"code":"unauthorized"}`)}, {wrong}}, true},
		"a scope":                            {[][]answer{{says(403, `{"code":"forbidden"}`)}}, true},
		"a method":                           {[][]answer{{says(405, `{"code":"method-not-allowed"}`)}}, true},
		"what cannot be read":                {[][]answer{{says(400, `{"code":"malformed-request"}`)}}, true},
		"behind a lost answer":               {[][]answer{{lost, tooLarge}}, false},
		"behind one that may have happened":  {[][]answer{{inFlight, tooLarge}}, false},
		"behind a call without an outcome":   {[][]answer{{lost, lost, lost}, {tooLarge}}, false},
		"before a call without an outcome":   {[][]answer{{tooLarge}, {lost, lost, lost}}, false},
		"before a lost answer and a refusal": {[][]answer{{tooLarge}, {lost, wrong}}, false},
		"before a success":                   {[][]answer{{tooLarge}, {created}}, false},
		"a gateway's limit":                  {[][]answer{{says(413, `<html>`, "Content-Type", "text/html")}}, false},
		"a reused key":                       {[][]answer{{says(422, `{"code":"idempotency-key-reused"}`)}}, false},
		"an expired key":                     {[][]answer{{says(410, `{"code":"idempotency-key-expired"}`)}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, opt, key := script(created), payonce.Options{Attempts: 3, Store: payonce.NewMemoryStore()}, ""
				for _, answers := range test.calls {
					s.then(answers...)
					_, _ = client(t, s, opt).CreateOrder(t.Context(), "basket-1", order) // what becomes of it is the other tests'
					if got := s.requests()[0].key; key == "" {
						key = got
					} else if got != key {
						t.Errorf("got the key %s after %s", got, key)
					}
				}
				s.then(created)
				_, err := client(t, s, opt).CreateOrder(t.Context(), "basket-1", other)
				if allowed := err == nil; allowed != test.allowed || (!allowed && !errors.Is(err, payonce.ErrOtherRequest)) {
					t.Fatalf("other values: got %v, want them accepted: %t", err, test.allowed)
				}
				if test.allowed && s.requests()[0].key != key {
					t.Errorf("got the key %s, want %s again", s.requests()[0].key, key)
				}
			})
		})
	}
}

// A program that starts anew knows nothing of what its requests of before met.
func TestAKeyOfBeforeARestartIsNotReleasedByARefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := payonce.NewMemoryStore()
		s := script(lost)
		_, err := client(t, s, payonce.Options{Store: store, Attempts: 1}).CreateOrder(t.Context(), "basket-1", order)
		unknown, ok := errors.AsType[*payonce.UnknownOutcomeError](err)
		if !ok {
			t.Fatal(err)
		}
		s.then(wrong)
		restarted := client(t, s, payonce.Options{Store: store})
		if _, err := restarted.CreateOrder(t.Context(), "basket-1", order); err == nil || s.requests()[0].key != unknown.Key {
			t.Errorf("got %v under another key", err)
		}
		if _, err := restarted.CreateOrder(t.Context(), "basket-1", other); !errors.Is(err, payonce.ErrOtherRequest) {
			t.Errorf("got %v, want ErrOtherRequest: the first request may still arrive", err)
		}
	})
}

func TestCallsOfOneOperationRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(created)
		s.block = make(chan struct{})
		c := client(t, s, payonce.Options{})
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() {
				if _, err := c.CreateOrder(t.Context(), "basket-1", order); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Go(func() { _, _ = c.CreateOrder(t.Context(), "basket-2", order) })
		synctest.Wait()
		if n := len(s.requests()); n != 2 {
			t.Errorf("%d requests are on their way, want one per operation", n)
		}
		close(s.block)
		calls.Wait()
		keys := map[string]bool{}
		for _, r := range s.requests() {
			keys[r.key] = true
		}
		if len(s.requests()) != 6 || len(keys) != 2 {
			t.Errorf("%d requests with %d keys, want 6 with 2", len(s.requests()), len(keys))
		}
	})
}

type brokenStore struct{ payonce.Store }

var errDisk = errors.New("disk full")

func (brokenStore) Claim(context.Context, string, payonce.Entry) (payonce.Entry, error) {
	return payonce.Entry{}, errDisk
}

func TestNothingIsSentWhoseKeyIsNotKept(t *testing.T) {
	t.Parallel()
	s := script(created)
	_, err := client(t, s, payonce.Options{Store: brokenStore{}}).CreateOrder(t.Context(), "basket-1", order)
	if !errors.Is(err, errDisk) || len(s.requests()) != 0 {
		t.Errorf("got %v after %d requests, want none sent", err, len(s.requests()))
	}
}
