package payonce_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	payonce "github.com/payonce/payonce/client"
)

func TestARequestIsRepeatedUnderItsKeyUntilItsOutcomeIsKnown(t *testing.T) {
	t.Parallel()
	html := []string{"Content-Type", "text/html"}
	for name, first := range map[string]answer{
		"no answer": lost, "an answer that breaks off": cut, "in flight": inFlight, "a store is away": away,
		"too many requests":           says(429, `{"code":"rate-limited","retryable":true}`, "Retry-After", "2"),
		"an internal error":           says(500, `{"code":"internal","retryable":true}`),
		"another operation in flight": says(409, `{"code":"order-not-payable","retryable":true,"safe_new_key":true}`),
		"a gateway without replicas":  says(502, `<html>`, html...),
		"a gateway that waited":       says(504, ``, html...),
		"a gateway's limit":           says(429, ``, html...),
		"a portal's own page":         says(200, `<html>log in`, html...),
		"a 2xx that is no JSON":       says(201, `{"id":`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := script([]answer{first, first, created}...)
				got, err := client(t, s, payonce.Options{}).CreateOrder(t.Context(), "basket-1", order)
				if err != nil || got.ID != "ord_1" || got.Amount != 1999 {
					t.Fatalf("got %+v, %v; want the order", got, err)
				}
				requests := s.requests()
				if len(requests) != 3 {
					t.Fatalf("got %d requests, want 3", len(requests))
				}
				for _, r := range requests {
					if r.key == "" || r.key != requests[0].key || r.body != requests[0].body || r.prefer != "wait=10" {
						t.Errorf("got %+v, want the first again, with Prefer: wait", r)
					}
				}
			})
		})
	}
}

func TestARefusalIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]answer{
		"a wrong value":                  wrong,
		"a decline":                      declined,
		"a reused key":                   says(422, `{"code":"idempotency-key-reused","retryable":false}`),
		"an expired key":                 says(410, `{"code":"idempotency-key-expired","links":[{"rel":"order","href":"/v1/orders/ord_1"}]}`),
		"no API key":                     says(401, `{"code":"unauthorized"}`),
		"a gateway's refusal":            says(403, `<html>`, "Content-Type", "text/html"),
		"a redirect":                     says(307, ``, "Location", "https://elsewhere.example/", "Content-Type", "text/html"),
		"a 5xx that says not to come on": says(500, `{"code":"a-new-code","retryable":false}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script(refusal)
			_, err := client(t, s, payonce.Options{}).CreateOrder(t.Context(), "basket-1", order)
			problem, ok := errors.AsType[*payonce.Problem](err)
			if !ok || problem.Status == 0 || problem.Error() == "" {
				t.Fatalf("got %v, want a Problem", err)
			}
			if _, unknown := errors.AsType[*payonce.UnknownOutcomeError](err); unknown {
				t.Error("a refusal is called an unknown outcome")
			}
			if n := len(s.requests()); n != 1 {
				t.Errorf("got %d requests, want 1", n)
			}
		})
	}
}

func TestPausesHonourRetryAfterAndAreJittered(t *testing.T) {
	t.Parallel()
	lengths := map[time.Duration]bool{}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			s := script([]answer{says(503, `{"code":"unavailable","retryable":true}`, "Retry-After", "3"), lost, lost, created}...)
			if _, err := client(t, s, payonce.Options{}).CreateOrder(t.Context(), "basket-1", order); err != nil {
				t.Fatal(err)
			}
			r := s.requests()
			for i, bounds := range [][2]time.Duration{{3 * time.Second, 3200 * time.Millisecond}, {0, 400 * time.Millisecond}, {0, 800 * time.Millisecond}} {
				pause := r[i+1].at.Sub(r[i].at)
				if pause <= bounds[0] || pause > bounds[1] {
					t.Errorf("pause %d: got %s, want it between %s and %s", i+1, pause, bounds[0], bounds[1])
				}
				lengths[pause] = true
			}
		})
	}
	if len(lengths) < 40 {
		t.Errorf("got %d different pauses of 60, want them random", len(lengths))
	}
}

func TestARetryAfterMayBeADate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(7 * time.Second)
		s := script(says(503, ``, "Content-Type", "text/html", "Retry-After", at.UTC().Format(http.TimeFormat)), created)
		if _, err := client(t, s, payonce.Options{}).CreateOrder(t.Context(), "basket-1", order); err != nil {
			t.Fatal(err)
		}
		if r := s.requests(); r[1].at.Before(at) {
			t.Errorf("sent again %s too early", at.Sub(r[1].at))
		}
	})
}

func TestACallIsBounded(t *testing.T) {
	t.Parallel()
	canceled := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 5*time.Second)
	}
	for name, test := range map[string]struct {
		opt     payonce.Options
		answer  answer
		ctx     func(context.Context) (context.Context, context.CancelFunc)
		longest time.Duration
		most    int
	}{
		"by attempts":                     {payonce.Options{Attempts: 4}, lost, context.WithCancel, time.Minute, 4},
		"by time":                         {payonce.Options{Attempts: 1e6, Elapsed: 20 * time.Second}, away, context.WithCancel, 20 * time.Second, 1e6},
		"by its context":                  {payonce.Options{Attempts: 1e6}, away, canceled, 5 * time.Second, 1e6},
		"before a pause that is too long": {payonce.Options{}, says(503, ``, "Content-Type", "text/html", "Retry-After", "3600"), context.WithCancel, 0, 1},
		"by time, when no answer ever comes": {
			payonce.Options{Elapsed: 50 * time.Second},
			func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
			context.WithCancel, 50 * time.Second, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, store := script(test.answer), payonce.NewMemoryStore()
				test.opt.Store = store
				ctx, cancel := test.ctx(t.Context())
				defer cancel()
				began := time.Now()
				_, err := client(t, s, test.opt).CreateOrder(ctx, "basket-1", order)
				unknown, ok := errors.AsType[*payonce.UnknownOutcomeError](err)
				if !ok || unknown.Operation != "basket-1" || unknown.Key != s.requests()[0].key || unknown.Attempts != len(s.requests()) {
					t.Fatalf("got %v, want an UnknownOutcomeError with the key", err)
				}
				if took := time.Since(began); took > test.longest || len(s.requests()) > test.most {
					t.Errorf("it took %s and %d requests, want %s and %d at most", took, len(s.requests()), test.longest, test.most)
				}
				if kept, ok, _ := store.Find(t.Context(), "basket-1"); !ok || kept.Key != unknown.Key {
					t.Error("the key is not kept")
				}
			})
		})
	}
}

func TestAReadIsRepeatedWithoutAKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(lost, away, says(200, `{"id":"ord_1"}`))
		if _, err := client(t, s, payonce.Options{}).GetOrder(t.Context(), "ord_1"); err != nil {
			t.Fatal(err)
		}
		for _, r := range s.requests() {
			if r.key != "" || r.prefer != "" {
				t.Errorf("got %+v, want neither a key nor a preference", r)
			}
		}
		s.then(lost)
		_, err := client(t, s, payonce.Options{Attempts: 2}).GetOrder(t.Context(), "ord_1")
		if _, unknown := errors.AsType[*payonce.UnknownOutcomeError](err); unknown || !errors.Is(err, errReset) {
			t.Errorf("got %v, want why there was no answer, and no unknown outcome", err)
		}
	})
}

func TestAnObserverSeesEachAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []payonce.Attempt
		s := script(lost, inFlight, says(201, `{"id":"ord_1"}`, "Idempotent-Replayed", "true"))
		c := client(t, s, payonce.Options{Observe: func(a payonce.Attempt) { seen = append(seen, a) }})
		if _, err := c.CreateOrder(t.Context(), "basket-1", order); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 3 || seen[0].Err == nil || seen[1].Status != 409 || seen[1].Pause < time.Second || !seen[2].Replayed || seen[2].Err != nil {
			t.Errorf("got %+v", seen)
		}
	})
}

func TestANewClientIsRefusedWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		base, key string
		opt       payonce.Options
	}{
		{"pay.example", "sk", payonce.Options{}},
		{"ftp://pay.example", "sk", payonce.Options{}},
		{"https://pay.example/?a=b", "sk", payonce.Options{}},
		{"https://pay.example", "", payonce.Options{}},
		{"https://pay.example", "sk\n", payonce.Options{}},
		{"https://pay.example", "sk\x00", payonce.Options{}},
		{"https://pay.example", "sk\x7f", payonce.Options{}},
		{"https://pay.example", "sk\u00a0", payonce.Options{}},
		{"https://pay.example", "sk", payonce.Options{Wait: time.Minute}},
	} {
		if _, err := payonce.New(test.base, test.key, test.opt); err == nil {
			t.Errorf("New(%q, %q, %+v) is accepted", test.base, test.key, test.opt)
		}
	}
}
