package clients

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shop is a page with a checkout, and the server behind it. The first payment that arrives is never answered.
type shop struct {
	arrived chan struct{} // closed with the first payment
	told    chan []byte   // what the page saw

	mu   sync.Mutex
	keys []string // of payments
	led  int      // requests that followed a redirect
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		http.ServeFile(w, r, "testdata/checkout.html")
	case "/payonce.js":
		http.ServeFile(w, r, "../../client/js/payonce.js")
	case "/arrived":
		<-s.arrived
	case "/told":
		body, _ := io.ReadAll(r.Body) // too short: the test fails on it
		s.told <- body
	case "/redirect":
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	case "/elsewhere":
		s.mu.Lock()
		defer s.mu.Unlock()
		s.led++
	case "/v1/payments":
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection isn't noticed
		s.mu.Lock()
		s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
		first := len(s.keys) == 1
		s.mu.Unlock()
		if first {
			close(s.arrived)
			<-r.Context().Done() // the page is gone
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"pay_1","status":"succeeded"}`)
	default:
		http.NotFound(w, r)
	}
}

func TestAKeySurvivesTheReloadOfAPageInABrowser(t *testing.T) {
	t.Parallel()
	needsPrograms(t, "chromium")
	s := &shop{arrived: make(chan struct{}), told: make(chan []byte, 1)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	var out tail
	browser := exec.CommandContext(t.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-dev-shm-usage", "--user-data-dir="+filepath.Join(built.folder, "chromium"), "--remote-debugging-port=0", server.URL)
	browser.Stdout, browser.Stderr, browser.WaitDelay = &out, &out, 5*time.Second
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = browser.Process.Kill(); _ = browser.Wait() })
	var got map[string]any
	select {
	case told := <-s.told:
		if err := json.Unmarshal(told, &got); err != nil {
			t.Fatalf("read %s: %v", told, err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatalf("the page told nothing\n%s", out.text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) != 2 || s.keys[0] == "" || s.keys[0] != s.keys[1] || s.led != 0 {
		t.Errorf("got payments with the keys %v and %d redirects followed, want three clicks and a reload to be one key, sent twice", s.keys, s.led)
	}
	want := map[string]any{
		"pending": map[string]any{"order_id": "ord_1", "payment_method": "pm_card_visa"}, "status": 201.0, "key": s.keys[0], "left": nil,
		"refusal": "Problem", "refused": 0.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the page saw (-want +got):\n%s", diff)
	}
}
