package notifications

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// sends makes one attempt at a server, with loopback allowed.
func sends(t *testing.T, timeout time.Duration, handle http.HandlerFunc) answer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server doesn't notice when the client gives up
		handle(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s := newSender(NewAddresses(true), timeout, nil)
	return s.send(t.Context(), message{url: server.URL, id: "evt_1", at: time.Now(), body: []byte("{}"), secrets: []string{"whsec_AAAA"}})
}

func TestARedirectIsAFailureAndIsNotFollowed(t *testing.T) {
	t.Parallel()
	followed := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	t.Cleanup(other.Close)
	for _, code := range []int{301, 302, 303, 307, 308} {
		a := sends(t, 5*time.Second, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, code) })
		if a.status != code || a.failure != FailedStatus {
			t.Errorf("%d: %+v", code, a)
		}
	}
	if followed {
		t.Error("a redirect was followed")
	}
}

func TestAnEndlessAnswerEndsWithTheTimeOutAndOnlyItsBeginningIsKept(t *testing.T) {
	t.Parallel()
	began := time.Now()
	a := sends(t, time.Second, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(strings.Repeat("ü", 100)))
			w.(http.Flusher).Flush() //nolint:errcheck,forcetypeassert // httptest's is one
			select {
			case <-r.Context().Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	if a.failure != "" || len(a.body) > keptAnswer || !strings.HasPrefix(a.body, "üü") || strings.Contains(a.body, "\uFFFD") {
		t.Errorf("got %q, %d bytes kept", a.failure, len(a.body))
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %s, want about a second", took)
	}
}

func TestKindsOfFailureAreToldApart(t *testing.T) {
	t.Parallel()
	s := newSender(NewAddresses(true), 3*time.Second, nil)
	secure := httptest.NewTLSServer(nil)
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(nil)
	t.Cleanup(plain.Close)
	for url, want := range map[string]string{
		"http://127.0.0.1:1/": FailedAddress, "http://localhost:1025/": FailedConnection, "https://10.0.0.1/": FailedAddress,
		secure.URL: FailedTLS, strings.Replace(plain.URL, "http://", "https://", 1): FailedTLS,
	} {
		a := s.send(t.Context(), message{url: url, body: []byte("{}"), secrets: []string{"whsec_AAAA"}})
		if a.failure != want {
			t.Errorf("%s: %s (%v), want %s", url, a.failure, a.err, want)
		}
	}
	if a := sends(t, 300*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }); a.failure != FailedTimeout {
		t.Errorf("silence: %s (%v), want %s", a.failure, a.err, FailedTimeout)
	}
}

func TestTheScheduleIsThatOfTheDocumentation(t *testing.T) {
	t.Parallel()
	s := Standard()
	for i, want := range []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour} {
		if pause, again := s.next(i+1, 0); !again || pause < want || pause > want+want/10 {
			t.Errorf("after %d failures: %s, %t; want %s and up to a tenth more", i+1, pause, again, want)
		}
	}
	if _, again := s.next(7, 0); again {
		t.Error("there is an eighth attempt")
	}
	if pause, _ := s.next(1, time.Hour); pause != time.Hour {
		t.Errorf("asked for an hour, got %s", pause)
	}
}

func TestRetryAfterIsReadInBothFormsAndBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-5": 0, "x": 0, "99999999": maxRetryAfter, "99999999999999999999": 0,
		"Sun, 29 Nov 2026 12:30:00 GMT": 30 * time.Minute, "Sun, 29 Nov 2020 12:30:00 GMT": 0, fmt.Sprint(1 << 31): 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
