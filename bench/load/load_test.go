package load_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/bench/load"
)

// numbered are requests that carry their number.
func numbered(b []byte, i int) []byte {
	return fmt.Appendf(b, "POST / HTTP/1.1\r\nHost: test\r\nX-Number: %d\r\nContent-Length: 2\r\n\r\n{}", i)
}

func server(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestEachNumberIsSentOnceAndWholeAnswersAreRead(t *testing.T) {
	t.Parallel()
	var seen sync.Map
	address := server(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, twice := seen.LoadOrStore(r.Header.Get("X-Number"), true); twice || string(body) != "{}" {
			t.Errorf("%s came twice, or with the body %q", r.Header.Get("X-Number"), body)
		}
		w.WriteHeader(http.StatusCreated)
	})
	result, used, err := load.Closed{Address: address, Conns: 4, Length: time.Minute, Next: numbered, First: 10, Most: 500, Want: 201}.Run(t.Context())
	if err != nil || used != 500 || result.Requests() != 500 || len(result.Wrong) != 0 {
		t.Errorf("%d of %d requests, wrong %v: %v", result.Requests(), used, result.Wrong, err)
	}
	if _, ok := seen.Load("509"); !ok {
		t.Error("the last number was not sent")
	}
	if result.Rate() <= 0 || load.Percentile(result.Latencies, 0.5) <= 0 {
		t.Errorf("rate %f, median %s", result.Rate(), load.Percentile(result.Latencies, 0.5))
	}
}

func TestAnswersWithAnotherStatusAreNotCounted(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	address := server(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	result, _, err := load.Closed{Address: address, Conns: 1, Length: time.Minute, Next: numbered, Most: 10, Want: 200}.Run(t.Context())
	if err != nil || result.Requests() != 5 || result.Wrong[503] != 5 {
		t.Errorf("%d counted, wrong %v: %v", result.Requests(), result.Wrong, err)
	}
}

func TestALateAnswerDelaysNoOtherRequestsClock(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	address := server(t, func(http.ResponseWriter, *http.Request) {
		if n.Add(1) == 1 {
			<-time.After(200 * time.Millisecond)
		}
	})
	// One connection: what is planned while the first answer is awaited waits, and its clock runs.
	result, planned, err := load.Open{Address: address, Conns: 1, Rate: 100, Length: 300 * time.Millisecond, Next: numbered, Want: 200}.Run(t.Context())
	if err != nil || planned != 30 || result.Requests() != 30 {
		t.Fatalf("%d of %d requests: %v", result.Requests(), planned, err)
	}
	if p := load.Percentile(result.Latencies, 0.6); p < 30*time.Millisecond {
		t.Errorf("six in ten waited at most %s, as if nothing had been late", p)
	}
}

func TestWhatIsNotHTTPBreaksTheRun(t *testing.T) {
	t.Parallel()
	address := server(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH\r\n\r\n")
		_ = conn.Close()
	})
	if err := load.Each(t.Context(), address, 0, 1, 200, numbered, nil); err == nil {
		t.Error("an answer that is not HTTP was taken for one")
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := 100; i > 0; i-- {
		hundred = append(hundred, time.Duration(i))
	}
	for part, want := range map[float64]time.Duration{0.5: 50, 0.99: 99, 0.999: 100, 1: 100, 0: 1} {
		if got := load.Percentile(hundred, part); got != want {
			t.Errorf("%v: %d, want %d", part, got, want)
		}
	}
	if load.Percentile(nil, 0.5) != 0 {
		t.Error("a percentile of nothing")
	}
}
