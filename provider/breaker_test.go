package provider_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/test/textlog"
)

// moody is a provider whose health the test sets.
type moody struct {
	status   atomic.Int64
	body     atomic.Pointer[string]
	requests atomic.Int64
}

func (m *moody) be(status int64, body string) {
	m.body.Store(&body)
	m.status.Store(status)
}

func (m *moody) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	m.requests.Add(1)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(m.status.Load()))
	_, _ = io.WriteString(w, *m.body.Load())
}

// guarded returns a client whose breaker opens after 3 failures for pause.
func guarded(t *testing.T, pause time.Duration, change ...func(*provider.Config)) (*provider.Client, *moody) {
	t.Helper()
	m := &moody{}
	m.be(503, "")
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	change = append(change, func(cfg *provider.Config) { cfg.BreakerFailures, cfg.BreakerPause = 3, pause })
	return client(t, server.URL, change...), m
}

func TestTheBreakerRefusesWithoutSending(t *testing.T) {
	t.Parallel()
	logger, log := textlog.New()
	c, m := guarded(t, time.Hour, func(cfg *provider.Config) { cfg.Log = logger })
	for range 3 {
		if err := c.Ready(); err != nil {
			t.Fatal(err)
		}
		c.Authorize(t.Context(), ask())
	}
	if err := c.Ready(); !errors.Is(err, provider.ErrUnavailable) {
		t.Fatalf("Ready = %v after 3 failures", err)
	}
	for range 5 {
		if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.NotSent || !errors.Is(res.Err, provider.ErrUnavailable) {
			t.Fatalf("%+v", res)
		}
	}
	if n := m.requests.Load(); n != 3 {
		t.Fatalf("%d requests, want 3", n)
	}
	m.be(200, intentJSON)
	if res := c.Retrieve(t.Context(), "pi_1"); res.Outcome != provider.Answered {
		t.Fatalf("a look-up must go on: %+v", res)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 || strings.Contains(log.String(), secret) {
		t.Fatalf("log: %s", log.String())
	}
}

func TestTheBreakerLetsOneThroughAndCloses(t *testing.T) {
	t.Parallel()
	c, m := guarded(t, 100*time.Millisecond)
	for range 3 {
		c.Authorize(t.Context(), ask())
	}
	m.be(200, intentJSON)
	deadline := time.Now().Add(10 * time.Second)
	for c.Authorize(t.Context(), ask()).Outcome != provider.Answered {
		if time.Now().After(deadline) {
			t.Fatal("the breaker stayed open")
		}
	}
	if n := m.requests.Load(); n != 4 || c.Ready() != nil {
		t.Fatalf("%d requests, want 4; Ready = %v", n, c.Ready())
	}
}

func TestClearAnswersKeepTheBreakerClosed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int64
		body   string
	}{
		"decline":           {402, `{"error":{"type":"card_error","code":"card_declined"}}`},
		"refusal":           {400, `{"error":{"type":"invalid_request_error"}}`},
		"unauthorized":      {401, `{}`},
		"conflict":          {409, `{}`},
		"idempotency error": {400, `{"error":{"type":"idempotency_error"}}`},
	} {
		c, m := guarded(t, time.Hour)
		m.be(tc.status, tc.body)
		for range 10 {
			c.Authorize(t.Context(), ask())
		}
		if err := c.Ready(); err != nil {
			t.Errorf("%s opened the breaker", name)
		}
	}
}

func TestEachCallIsObservedOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	c, m := guarded(t, time.Hour, func(cfg *provider.Config) {
		cfg.Observe = func(op string, o provider.Outcome, d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if d < 0 {
				t.Errorf("%s took %s", op, d)
			}
			seen = append(seen, op+" "+o.String())
		}
	})
	for range 4 {
		c.Authorize(t.Context(), ask())
	}
	m.be(200, intentJSON)
	c.Retrieve(t.Context(), "pi_1")
	c.Find(t.Context(), look())
	want := "authorize unknown,authorize unknown,authorize unknown,authorize not_sent,retrieve answered,find unknown"
	if got := strings.Join(seen, ","); got != want {
		t.Fatalf("seen %s, want %s", got, want)
	}
}
