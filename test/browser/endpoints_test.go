package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// caller asks a service as no page would.
type caller struct {
	t    *testing.T
	base string
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers are "Name: value".
func (c caller) do(method, path, body string, headers ...string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.GetBody = nil // net/http would send a request with a key again by itself when its connection breaks
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	res, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text)}
}

// old sends what net/http's client would not write.
func (c caller) old(request string) string {
	c.t.Helper()
	conn, err := (&net.Dialer{Timeout: time.Minute}).DialContext(c.t.Context(), "tcp", strings.TrimPrefix(c.base, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		c.t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(said)
}

func (a answer) text(t *testing.T, name string) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(a.body), &members); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	text, _ := members[name].(string)
	return text
}

// session opens a session, and an order at each of the two services.
func (c caller) session() (session, protected, unprotected string) {
	c.t.Helper()
	session = c.do("POST", "/demo/sessions", "").text(c.t, "session")
	const order = `{"amount":4900,"currency":"EUR"}`
	protected = c.do("POST", "/demo/protected/v1/orders", order, own(session, "Idempotency-Key: order-"+session)...).text(c.t, "id")
	unprotected = c.do("POST", "/demo/unprotected/v1/orders", order, own(session)...).text(c.t, "id")
	begun := c.do("POST", "/demo/purchase", `{"protected":"`+protected+`","unprotected":"`+unprotected+`"}`, own(session)...)
	if begun.status != http.StatusNoContent {
		c.t.Fatalf("the purchase: %d %s", begun.status, begun.body)
	}
	return session, protected, unprotected
}

func own(session string, more ...string) []string {
	return append([]string{"Authorization: Bearer " + session, "Content-Type: application/json"}, more...)
}

func TestTheDemoPageDoesNotExistWhereTheServiceIsNotAlone(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	c := caller{t, s.URL()}
	for _, route := range []string{
		"GET /demo", "HEAD /demo", "GET /demo/static/demo.js", "POST /demo/sessions", "GET /demo/sessions/x/events", "POST /demo/purchase",
		"POST /demo/redis/flush", "POST /demo/protected/v1/orders", "POST /demo/protected/v1/payments",
		"POST /demo/unprotected/v1/orders", "POST /demo/unprotected/v1/payments",
	} {
		method, path, _ := strings.Cut(route, " ")
		if got := c.do(method, path, ""); got.status != http.StatusNotFound {
			t.Errorf("%s: got %d %s, want 404", route, got.status, got.body)
		}
	}
	start := c.do("GET", "/", "")
	if start.status != http.StatusOK || strings.Contains(start.body, `href="demo"`) || !strings.Contains(start.body, `<dd class="up">up</dd>`) {
		t.Errorf("the start page: got %d %s, want one without a way to the demo page", start.status, start.body)
	}
	s.Options.Env = map[string]string{"DEMO": "on"}
	if err := s.TryRestart(); err == nil || !strings.Contains(err.Error(), `DEMO is "on"; allowed: off`) {
		t.Errorf("with DEMO=on it starts: %v", err)
	}
}

func TestTheDemoPage(t *testing.T) {
	t.Parallel()
	payonce := service.RunProgram(t, "DATA_DIR="+filepath.Join(t.TempDir(), "data"))
	c := caller{t, payonce.URL()}
	key := payonce.Find(`API key +(\S+)`)
	t.Run("is for programs on this machine, by its name", func(t *testing.T) { refusesOthers(t, caller{t, c.base}) })
	t.Run("takes a session for its own routes and nothing else", func(t *testing.T) { keepsKeysApart(t, caller{t, c.base}, key) })
	t.Run("acts for the demo merchant", func(t *testing.T) { actsForTheMerchant(t, caller{t, c.base}, key) })
	t.Run("shows how recovery heals what nobody asks for again", func(t *testing.T) { healsAlone(t, caller{t, c.base}) })
	t.Run("doesn't hold up the end of the service", func(t *testing.T) { endsStreams(t, caller{t, c.base}, payonce) })
}

// A page of another site, also one whose name is made to point here, and what came through a proxy get nothing.
func refusesOthers(t *testing.T, c caller) {
	session, order, _ := c.session()
	pay := `{"order_id":"` + order + `","payment_method":"pm_card_visa"}`
	for name, test := range map[string]struct {
		header string
		page   int // status of the page
		rest   int // of what is behind it
	}{
		"a name that points here":     {"Host: attacker.example", 404, 404},
		"one with a port":             {"Host: attacker.example:8080", 404, 404},
		"one that looks like it":      {"Host: 127.0.0.1.attacker.example", 404, 404},
		"an address half in brackets": {"Host: 127.0.0.1]:80", 404, 404},
		"a proxy":                     {"X-Forwarded-For: 192.0.2.1", 404, 404},
		"one that says the scheme":    {"X-Forwarded-Proto: https", 404, 404},
		"a network of proxies":        {"CF-Connecting-IP: 192.0.2.1", 404, 404},
		"one that names the caller":   {"X-Real-IP: 192.0.2.1", 404, 404},
		"a standard proxy":            {"Forwarded: for=192.0.2.1", 404, 404},
		"another site's page":         {"Sec-Fetch-Site: cross-site", 200, 404},
		"an address that was typed":   {"Sec-Fetch-Site: none", 200, 201},
		"a sibling":                   {"Sec-Fetch-Site: same-site", 200, 404},
		"a page from elsewhere":       {"Origin: https://attacker.example", 404, 404},
		"its name at a port":          {"Origin: http://shop.example:8080", 404, 404},
		"a page without an origin":    {"Origin: null", 404, 404},
		"a page that hides in a name": {"Origin: http://attacker.example@127.0.0.1", 404, 404},
		"a port that is none":         {"Host: localhost:80:attacker.example", 404, 404},
		"a cloud's balancer":          {"X-Amzn-Trace-Id: Root=1-1", 404, 404},
		"another port's page":         {"Origin: http://127.0.0.1:1", 200, 404},
		"the page itself":             {"Sec-Fetch-Site: same-origin", 200, 201},
		"a program, by another name":  {"Host: localhost:1", 200, 201},
		"a program, over IPv6":        {"Host: [::1]", 200, 201},
		"a program, by a full name":   {"Host: LocalHost.:8080", 200, 201},
		"a program":                   {"Accept: */*", 200, 201},
	} {
		if got := c.do("GET", "/demo", "", test.header); got.status != test.page {
			t.Errorf("%s: GET /demo: got %d, want %d", name, got.status, test.page)
		}
		if got := c.do("POST", "/demo/sessions", "", test.header); got.status != test.rest {
			t.Errorf("%s: POST /demo/sessions: got %d %s, want %d", name, got.status, got.body, test.rest)
		}
		got := c.do("POST", "/demo/protected/v1/payments", pay, own(session, "Idempotency-Key: refused", test.header)...)
		if got.status != test.rest {
			t.Errorf("%s: a payment: got %d %s, want %d", name, got.status, got.body, test.rest)
		}
	}
	if got := c.old("GET /demo HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 404 ") {
		t.Errorf("by HTTP/1.0, as older proxies ask: got %s, want 404", got)
	}
	if got := c.do("GET", "/demo/", "", "Accept: text/html"); got.status != http.StatusOK || !strings.Contains(got.body, "<html") {
		t.Errorf("/demo/: got %d %s, want the page", got.status, got.body)
	}
	for host, want := range map[string]bool{"Accept: text/html": true, "Host: attacker.example": false} {
		start := c.do("GET", "/", "", host)
		if strings.Contains(start.body, `href="demo"`) != want {
			t.Errorf("the start page, asked with %q, leads to the demo page: %t, want %t", host, !want, want)
		}
	}
	policy := c.do("GET", "/demo", "").header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "connect-src 'self'", "script-src 'self'", "style-src 'self'"} {
		if !strings.Contains(policy, part) || strings.Contains(policy, "unsafe") {
			t.Errorf("the policy is %q, without %q", policy, part)
		}
	}
}

func keepsKeysApart(t *testing.T, c caller, key string) {
	session, order, _ := c.session()
	pay := `{"order_id":"` + order + `","payment_method":"pm_card_visa"}`
	for name, got := range map[string]answer{
		"no session":             c.do("POST", "/demo/protected/v1/payments", pay, "Content-Type: application/json", "Idempotency-Key: apart-1"),
		"another session":        c.do("POST", "/demo/protected/v1/payments", pay, own("demo_unknown", "Idempotency-Key: apart-2")...),
		"an API key":             c.do("POST", "/demo/protected/v1/payments", pay, own(key, "Idempotency-Key: apart-3")...),
		"a flush":                c.do("POST", "/demo/redis/flush", ""),
		"a session at the API":   c.do("POST", "/v1/payments", pay, own(session, "Idempotency-Key: apart-4")...),
		"a session that reads":   c.do("GET", "/v1/payments", "", own(session)...),
		"the plain service":      c.do("POST", "/demo/unprotected/v1/payments", pay, "Content-Type: application/json"),
		"a count without a page": c.do("POST", "/demo/purchase", `{"protected":"a","unprotected":"b"}`),
	} {
		if got.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d %s, want 401", name, got.status, got.body)
		}
		if atAPI := strings.Contains(name, "at the API") || strings.Contains(name, "that reads"); !atAPI && !strings.Contains(got.body, "load the page again") {
			t.Errorf("%s: %s doesn't say what to do", name, got.body)
		}
	}
	for _, path := range []string{"/demo/sessions/demo_unknown/events", "/demo/static/index.html", "/demo/static/..%2fdoc.go", "/demo/v1/payments", "/demo/protected/v1/refunds"} {
		if got := c.do("GET", path, ""); got.status != http.StatusNotFound {
			t.Errorf("%s: got %d %s, want 404", path, got.status, got.body)
		}
	}
	if page := c.do("GET", "/demo", "").body + c.do("GET", "/demo/static/demo.js", "").body + session; strings.Contains(page, "sk_test_") {
		t.Error("the page holds an API key")
	}
}

func actsForTheMerchant(t *testing.T, c caller, key string) {
	session, order, _ := c.session()
	paid := c.do("POST", "/demo/protected/v1/payments", `{"order_id":"`+order+`","payment_method":"pm_card_visa"}`,
		own(session, "Idempotency-Key: acts-for")...)
	if paid.status != http.StatusCreated {
		t.Fatalf("got %d %s", paid.status, paid.body)
	}
	read := c.do("GET", "/v1/payments/"+paid.text(t, "id"), "", "Authorization: Bearer "+key)
	if read.status != http.StatusOK || read.text(t, "order_id") != order {
		t.Errorf("by the merchant's API key: got %d %s, want the payment of %s", read.status, read.body, order)
	}
}

// event is what a page is told.
type event struct {
	Attempt  int    `json:"attempt"`
	What     string `json:"what"`
	Name     string `json:"name"`
	Recovery bool   `json:"recovery"`
	Charges  struct{ Protected, Unprotected int }
}

// listen reads events until one is the last.
func (c caller) listen(ctx context.Context, session string, last func(event) bool) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/demo/sessions/"+session+"/events", http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		var e event
		if !found {
			continue
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			c.t.Fatalf("%s: %v", data, err)
		}
		if last(e) {
			return
		}
	}
	c.t.Fatal("the stream has ended")
}

func healsAlone(t *testing.T, c caller) {
	session, order, _ := c.session()
	pay := func(number int, headers ...string) answer {
		return c.do("POST", "/demo/protected/v1/payments", `{"order_id":"`+order+`","payment_method":"pm_card_visa"}`,
			own(session, append(headers, "Idempotency-Key: heals-alone", "Demo-Attempt: "+strconv.Itoa(number))...)...)
	}
	if got := pay(1, "Demo-Fault: crash"); got.status != 0 {
		t.Fatalf("got %d %s, want a connection that breaks", got.status, got.body)
	}
	if got := pay(2); got.status != http.StatusConflict {
		t.Errorf("while the lease runs: got %d %s, want 409", got.status, got.body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var healed, counted bool
	c.listen(ctx, session, func(e event) bool {
		healed = healed || e.Attempt == 1 && e.Recovery && e.Name == "committed"
		counted = counted || e.Charges.Protected == 1
		if e.Charges.Protected > 1 {
			t.Error("charged twice")
		}
		return healed && counted
	})
	if got := pay(3); got.status != http.StatusCreated || got.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("afterwards: got %d %s, want a replay", got.status, got.body)
	}
}

func endsStreams(t *testing.T, c caller, payonce *service.Program) {
	session, _, _ := c.session()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opened := make(chan struct{})
	go func() {
		c.listen(ctx, session, func(event) bool { close(opened); return true })
	}()
	<-opened
	held, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/demo/sessions/"+session+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(held)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	began := time.Now()
	if code := payonce.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > 15*time.Second { // the grace for requests is 20 s
		t.Errorf("it took %s to end", took)
	}
}
