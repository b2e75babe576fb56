package proxy_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }

const answerBody = "the answer, long enough to be cut in its middle"

// site is a server behind a proxy, and a client that never sends a request twice by itself.
type site struct {
	t      *testing.T
	proxy  *proxy.HTTP
	served atomic.Int64
	server *httptest.Server
	client *http.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		s.served.Add(1)
		_, _ = io.WriteString(w, answerBody)
	}))
	t.Cleanup(s.server.Close)
	var err error
	if s.proxy, err = proxy.NewHTTP(t.Context(), s.server.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.proxy.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	return s
}

func (s *site) post(path string) (string, error) {
	return s.postWithin(s.t.Context(), path)
}

func (s *site) postWithin(ctx context.Context, path string) (string, error) {
	body := struct{ io.Reader }{strings.NewReader(strings.Repeat("b", 1000))} // can't be rewound, so never sent again
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.proxy.URL()+path, body)
	if err != nil {
		return "", err
	}
	req.ContentLength = 1000
	resp, err := s.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	return string(content), err
}

func (s *site) works(what string) {
	s.t.Helper()
	if body, err := s.post("/"); err != nil || body != answerBody {
		s.t.Errorf("%s: %q, %v", what, body, err)
	}
}

func TestARequestCutOnItsWayIsNotServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.works("before")
	for _, bytes := range []int{0, 10, 500} { // nothing, a piece of the head, a piece of the body
		before := s.served.Load()
		cut := s.proxy.Arm(proxy.Fault{Kind: proxy.CutRequest, Bytes: bytes})
		if body, err := s.post("/"); err == nil {
			t.Errorf("%d bytes: answered %q", bytes, body)
		}
		if cut.Hits() != 1 || s.served.Load() != before {
			t.Errorf("%d bytes: %d hits, %d served", bytes, cut.Hits(), s.served.Load()-before)
		}
		s.works("afterwards")
	}
	if n := s.proxy.Counts()[proxy.CutRequest]; n != 3 {
		t.Errorf("counted %d", n)
	}
}

func TestAReplyCutOnItsWayWasServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, bytes := range []int{0, 5, 130} { // nothing, a piece of the head, a piece of the body
		before := s.served.Load()
		cut := s.proxy.Arm(proxy.Fault{Kind: proxy.CutReply, Bytes: bytes})
		if body, err := s.post("/"); err == nil {
			t.Errorf("%d bytes: whole %q", bytes, body)
		}
		if cut.Hits() != 1 || s.served.Load() != before+1 {
			t.Errorf("%d bytes: %d hits, %d served", bytes, cut.Hits(), s.served.Load()-before)
		}
		s.works("afterwards")
	}
}

func TestAFaultWaitsForTheRequestThatItWasArmedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cut := s.proxy.Arm(proxy.Fault{Kind: proxy.CutRequest, Match: "POST /meant", Times: 2})
	tooLong := s.proxy.Arm(proxy.Fault{Kind: proxy.CutReply, Bytes: 1 << 20})
	s.works("another path")
	if _, err := s.post("/meant"); err == nil || cut.Hits() != 1 {
		t.Errorf("meant: %v, %d hits", err, cut.Hits())
	}
	cut.Disarm()
	if _, err := s.post("/meant"); err != nil || cut.Hits() != 1 || tooLong.Hits() != 0 {
		t.Errorf("disarmed: %v, %d and %d hits", err, cut.Hits(), tooLong.Hits())
	}
	always := s.proxy.Arm(proxy.Fault{Kind: proxy.CutReply, Times: proxy.Always})
	for range 3 {
		if _, err := s.post("/"); err == nil {
			t.Error("whole")
		}
	}
	s.proxy.Disarm()
	s.works("all disarmed")
	if always.Hits() != 3 {
		t.Errorf("%d hits", always.Hits())
	}
}

func TestWhatIsHeldWaitsForItsRelease(t *testing.T) {
	t.Parallel()
	for kind, served := range map[proxy.Kind]int64{proxy.HoldRequest: 0, proxy.HoldReply: 1} {
		s := newSite(t)
		held, done := s.proxy.Arm(proxy.Fault{Kind: kind}), make(chan error, 1)
		go func() { _, err := s.post("/"); done <- err }()
		eventually(t, "it is held", func() bool { return held.Held() == 1 })
		if n := s.served.Load(); n != served {
			t.Errorf("%s: %d served", kind, n)
		}
		s.works("another connection")
		s.proxy.Disarm()
		if err := <-done; err != nil || s.served.Load() != 2 || held.Hits() != 1 || held.Held() != 0 {
			t.Errorf("%s: %v, %d served, %d hits", kind, err, s.served.Load(), held.Hits())
		}
	}
}

// The client is gone, its request still comes.
func TestAHeldRequestArrivesAfterItsClientLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	held := s.proxy.Arm(proxy.Fault{Kind: proxy.HoldRequest})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := s.postWithin(ctx, "/"); done <- err }()
	eventually(t, "it is held", func() bool { return held.Held() == 1 })
	cancel()
	if err := <-done; err == nil {
		t.Error("answered")
	}
	held.Release()
	eventually(t, "it is served", func() bool { return s.served.Load() == 1 })
}

// eventually asks until ok, for 20 s at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-limit:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}
