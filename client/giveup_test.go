package payonce_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	payonce "github.com/payonce/payonce/client"
)

func TestGivingUpFreesTheOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(lost)
		c := client(t, s, payonce.Options{Attempts: 2})
		_, err := c.CreateOrder(t.Context(), "basket-1", order)
		unknown, ok := errors.AsType[*payonce.UnknownOutcomeError](err)
		if !ok {
			t.Fatal(err)
		}
		s.then(inFlight, says(200, `{"key":"k","state":"canceled","effect":"none","canceled_at":"2026-11-23T12:00:05.123456Z"}`))
		got, err := c.GiveUp(t.Context(), "basket-1")
		if err != nil || got.State != "canceled" || got.CanceledAt == nil {
			t.Fatalf("got %+v, %v", got, err)
		}
		r := s.requests()
		if r[0].path != "/v1/idempotency-keys/"+unknown.Key+"/cancel" || r[0].key == "" || r[0].key != r[1].key || r[0].key == unknown.Key || r[0].body != "" {
			t.Errorf("got %+v, want the key given up under one key of its own", r)
		}
		s.then(created)
		if _, err := c.CreateOrder(t.Context(), "basket-1", other); err != nil || s.requests()[0].key == unknown.Key {
			t.Errorf("other values after it: got %v under %s", err, s.requests()[0].key)
		}
		for operation, why := range map[string]string{"basket-9": `no key of "basket-9"`, "": "names none"} {
			if _, err := c.GiveUp(t.Context(), operation); !errors.Is(err, payonce.ErrNoOperation) || !strings.Contains(err.Error(), why) {
				t.Errorf("what was never begun: got %v, want ErrNoOperation and %q", err, why)
			}
		}
	})
}

func TestGivingUpWaitsUntilWhatWasDoneIsUndone(t *testing.T) {
	t.Parallel()
	pending := says(202, `{"key":"k","state":"completed","effect":"pending","canceled_at":null}`)
	state := func(at string) answer { return says(200, `{"key":"k","state":"completed","canceled_at":`+at+`}`) }
	synctest.Test(t, func(t *testing.T) {
		s := script(created)
		c := client(t, s, payonce.Options{Elapsed: 30 * time.Second})
		if _, err := c.CreateOrder(t.Context(), "basket-1", order); err != nil {
			t.Fatal(err)
		}
		s.then(pending, state("null"))
		if _, err := c.GiveUp(t.Context(), "basket-1"); !errors.Is(err, payonce.ErrProcessing) {
			t.Fatalf("got %v, want ErrProcessing", err)
		}
		if _, err := c.CreateOrder(t.Context(), "basket-1", other); !errors.Is(err, payonce.ErrOtherRequest) {
			t.Errorf("other values meanwhile: got %v, want ErrOtherRequest", err)
		}
		s.then(pending, state("null"), state(`"2026-11-23T12:00:05.123456Z"`))
		if got, err := c.GiveUp(t.Context(), "basket-1"); err != nil || got.CanceledAt == nil {
			t.Errorf("got %+v, %v; want it undone", got, err)
		}
		if r := s.requests(); len(r) != 3 || !strings.HasPrefix(r[1].path, "/v1/idempotency-keys/") || r[1].method != "GET" {
			t.Errorf("got %+v, want the key followed", r)
		}
		s.then(created)
		if _, err := c.CreateOrder(t.Context(), "basket-1", other); err != nil {
			t.Error(err)
		}
	})
}

func TestGivingUpKeepsTheKeyOfWhatCannotBeUndone(t *testing.T) {
	t.Parallel()
	s := script(created)
	c := client(t, s, payonce.Options{})
	if _, err := c.CreateOrder(t.Context(), "basket-1", order); err != nil {
		t.Fatal(err)
	}
	s.then(says(409, `{"code":"order-not-cancelable","safe_new_key":true,"links":[{"rel":"payment","href":"/v1/payments/pay_1"}]}`))
	_, err := c.GiveUp(t.Context(), "basket-1")
	problem, ok := errors.AsType[*payonce.Problem](err)
	if !ok || problem.Link("payment") != "/v1/payments/pay_1" || problem.Link("refund") != "" {
		t.Errorf("got %v, want the problem with its link", err)
	}
	if _, err := c.CreateOrder(t.Context(), "basket-1", other); !errors.Is(err, payonce.ErrOtherRequest) {
		t.Errorf("got %v, want ErrOtherRequest", err)
	}
}
