package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/app"
	"github.com/payonce/payonce/config"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/apicheck"
	"github.com/payonce/payonce/test/stores"
)

// service is payonce in this process, on stores of its own, with two merchants.
type service struct {
	url, admin string
	key, other string // API keys of two merchants
	keyID      string
	merchants  *repository.Merchants
}

// startService runs what `serve` runs. The environment overrides the settings of the tests.
func startService(t *testing.T, environment map[string]string) *service {
	t.Helper()
	settings := map[string]string{
		"ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "DATA_DIR": t.TempDir(), "LOG_LEVEL": "error",
		"DATABASE_URL": stores.Database(t), "REDIS_URL": stores.Redis(t), "RATE_LIMIT": "off",
		"SECRET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
	}
	for name, value := range environment {
		settings[name] = value
	}
	command, err := config.Parse(nil, func(name string) string { return settings[name] }, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	serve, ok := command.(*config.Serve)
	if !ok {
		t.Fatalf("command is %T", command)
	}
	s := &service{}
	listening := newAnnouncement()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- app.Serve(ctx, serve.Config, slog.New(slog.DiscardHandler), io.Discard, listening, routes)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	select {
	case err := <-ended:
		t.Fatal(err)
	case <-listening.done:
	}
	s.admin, s.url = listening.addresses()
	s.makeMerchants(t, settings["DATABASE_URL"])
	return s
}

func (s *service) makeMerchants(t *testing.T, url string) {
	t.Helper()
	db, err := repository.Open(url, repository.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.merchants = repository.NewMerchants(db.GORM())
	for _, key := range []*string{&s.key, &s.other} {
		merchant, err := s.merchants.Create(t.Context(), "Test")
		if err != nil {
			t.Fatal(err)
		}
		var id string
		if id, *key, err = s.merchants.CreateKey(t.Context(), merchant.ID); err != nil {
			t.Fatal(err)
		}
		if key == &s.key {
			s.keyID = id
		}
	}
}

// announcement takes what serve prints until it listens.
type announcement struct {
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{}
	once sync.Once
}

func newAnnouncement() *announcement { return &announcement{done: make(chan struct{})} }

func (a *announcement) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.text.Write(p)
	if strings.Contains(a.text.String(), "\nlistening on ") {
		a.once.Do(func() { close(a.done) })
	}
	return len(p), nil
}

func (a *announcement) addresses() (admin, public string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for line := range strings.Lines(a.text.String()) {
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), "admin listening on "); ok {
			admin = address
		} else if address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on "); ok {
			public = address
		}
	}
	return admin, public
}

// call is one request. The zero value is a POST of nothing to nowhere.
type call struct {
	method, path, body string
	key                string // Idempotency-Key; empty: none
	header             map[string][]string
	token              string // instead of the first merchant's API key; "-": none
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request that net/http must not send again by itself.
func (s *service) do(t *testing.T, c call) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, s.url+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody = nil
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	switch c.token {
	case "":
		req.Header.Set("Authorization", "Bearer "+s.key)
	case "-":
	default:
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.key != "" {
		req.Header.Set("Idempotency-Key", c.key)
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	resp, err := client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if c.method != http.MethodHead {
		if err := apicheck.Response(c.method, c.path, resp.StatusCode, resp.Header, body); err != nil {
			t.Errorf("not as described: %v", err)
		}
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// free sends a request under a key that an earlier one without an outcome may have left a hint of: for a second, that may
// cost a 409.
func (s *service) free(t *testing.T, c call) answer {
	t.Helper()
	got := s.do(t, c)
	for limit := time.Now().Add(2 * time.Second); got.status == http.StatusConflict && time.Now().Before(limit); {
		got = s.do(t, c)
	}
	return got
}

// client follows no redirects: the API sends none.
func client() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// field reads a member of a JSON answer; dots lead into objects.
func (a answer) field(t *testing.T, path string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatalf("%q: %v", a.body, err)
	}
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

func (a answer) text(t *testing.T, path string) string {
	t.Helper()
	text, _ := a.field(t, path).(string)
	return text
}

// order makes an order and returns its id.
func (s *service) order(t *testing.T, key string) string {
	t.Helper()
	made := s.do(t, call{method: "POST", path: "/v1/orders", key: key, body: `{"amount":1999,"currency":"EUR"}`})
	if made.status != http.StatusCreated {
		t.Fatalf("order: %d %s", made.status, made.body)
	}
	return made.text(t, "id")
}

// pay pays an order.
func (s *service) pay(t *testing.T, key, order, method string) answer {
	t.Helper()
	return s.do(t, call{method: "POST", path: "/v1/payments", key: key, body: `{"order_id":"` + order + `","payment_method":"` + method + `"}`})
}
