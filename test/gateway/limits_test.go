package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/test/service"
)

func TestTheFileHasNoWarnings(t *testing.T) {
	t.Parallel()
	needsLinuxAnd(t, "haproxy", "openssl", "make")
	command := exec.Command("haproxy", "-c", "-f", filepath.Join(folder, "haproxy.cfg"))
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "GATEWAY_CERT=" + certificate(t)}
	output, err := command.CombinedOutput()
	if err != nil || strings.Contains(string(output), "WARNING") {
		t.Errorf("%v\n%s", err, output)
	}
}

// isProblem holds an answer of the gateway's own to what the service's own problems are, byte for byte.
func isProblem(t *testing.T, what string, resp service.Response, code problem.Code, retryAfter string) {
	t.Helper()
	want := problem.New(code, resp.Field("detail")).WithInstance(resp.Field("instance"))
	switch {
	case resp.Status != want.Status, !bytes.Equal(resp.Body, want.Body()), resp.Header.Get("Content-Type") != problem.ContentType:
		t.Errorf("%s: got %s as %s, want %d %s", what, resp, resp.Header.Get("Content-Type"), want.Status, want.Body())
	case resp.Header.Get("Retry-After") != retryAfter:
		t.Errorf("%s: got Retry-After %q, want %q", what, resp.Header.Get("Retry-After"), retryAfter)
	case resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("X-Content-Type-Options") != "nosniff":
		t.Errorf("%s: may be stored or sniffed: %v", what, resp.Header)
	case resp.Field("instance") != resp.Header.Get("X-Request-Id"):
		t.Errorf("%s: the instance is %s, and X-Request-Id %s", what, resp.Field("instance"), resp.Header.Get("X-Request-Id"))
	case resp.Field("detail") == "":
		t.Errorf("%s: no detail", what)
	}
}

func TestEachKeyHasItsRate(t *testing.T) {
	t.Parallel()
	const rate, sent = 20, 60
	p := findPlace(t, 2)
	all := []*standIn{startStandIn(t, p, 0), startStandIn(t, p, 1)}
	g := startGateway(t, p, fmt.Sprint("GATEWAY_RATE=", rate))
	send := func(prefix string, credentials ...string) (served int, refused []service.Response) {
		text := ""
		for i := range sent {
			text += raw("POST", "/v1/orders", "{}", credentials[i%len(credentials)], fmt.Sprintf("Idempotency-Key: %s-%d", prefix, i), "Content-Length: 2")
		}
		began := time.Now()
		for _, resp := range g.exchange(t, text+raw("GET", "/healthz", "", "Connection: close")) {
			switch resp.Status {
			case http.StatusCreated:
				served++
			case http.StatusTooManyRequests:
				refused = append(refused, resp)
			}
		}
		if most := rate * (2 + int(time.Since(began)/time.Second)); served > most || served < rate {
			t.Errorf("%s: %d of %d were served within %s, want %d per second", prefix, served, sent, time.Since(began), rate)
		}
		return served, refused
	}
	const bearer = "Authorization: Bearer sk_test_rate_"
	served, refused := send("one", bearer+"one")
	if len(refused) != sent-served || read(all, "one") != served {
		t.Errorf("%d served, %d refused, and %d at the replicas", served, len(refused), read(all, "one"))
	}
	if len(refused) == 0 {
		t.Fatal("no request was refused")
	}
	for _, resp := range refused {
		isProblem(t, "a request too many", resp, problem.CodeRateLimited, "1")
	}
	send("two", bearer+"two") // another key has a rate of its own
	// One key in three spellings is one key.
	if _, refused := send("spelled", "Authorization: bearer  sk_test_rate_three", "AUTHORIZATION: BEARER sk_test_rate_three", bearer+"three"); len(refused) == 0 {
		t.Error("a key has more requests when it is spelled otherwise")
	}
	if _, refused := send("stranger", "X: y"); len(refused) == 0 {
		t.Error("requests without a key have no limit")
	}
	service.Until(t, "the key is served again", func() bool { return g.post(t, "again", bearer+"one").Status == http.StatusCreated })
	if strings.Contains(g.out.String()+g.get("/metrics"), "sk_test") {
		t.Error("an API key stands in the gateway's log or metrics")
	}
}

func TestSizesHaveLimits(t *testing.T) {
	t.Parallel()
	w := open(t, 1, nil)
	large := `{"amount":1999,"currency":"EUR","reference":"` + strings.Repeat("a", 70_000) + `"}`
	var resp service.Response
	service.Until(t, "the answer to a large body arrives", func() bool { // a client that still writes when the gateway closes may miss it
		resp = w.Post("/v1/orders", uuid.NewString(), large)
		return resp.Err == nil
	})
	isProblem(t, "a large body", resp, problem.CodeBodyTooLarge, "")
	if logHas(w.replicas[0], resp.Header.Get("X-Request-Id")) {
		t.Error("it came to a replica")
	}
	authorization := "Authorization: Bearer " + w.APIKey()
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(large), large)
	for _, resp := range w.gateway.exchange(t, raw("POST", "/v1/orders", chunks, authorization, "Content-Type: application/json", "Idempotency-Key: chunks", "Transfer-Encoding: chunked")) {
		isProblem(t, "a large body in chunks", resp, problem.CodeBodyTooLarge, "")
	}
	service.Wants(t, "a body at the limit", w.Post("/v1/orders", uuid.NewString(), `{"amount":1999,"currency":"EUR"}`+strings.Repeat(" ", 65536-32)), http.StatusCreated, "")
	isProblem(t, "large headers", w.Send(context.Background(), http.MethodGet, "/v1/orders", "", "", "X-Large", strings.Repeat("a", 9000)), problem.CodeMalformedRequest, "")
	for _, lines := range []string{"X: " + strings.Repeat("a", 40_000), strings.Repeat("X: a\r\n", 80) + "Y: a"} {
		answers := w.gateway.exchange(t, raw("GET", "/v1/orders", "", authorization, lines))
		if len(answers) != 1 || answers[0].Status != http.StatusBadRequest {
			t.Errorf("headers of %d bytes: %v", len(lines), answers)
		}
	}
	isProblem(t, "a path that is not routed", w.gateway.exchange(t, raw("GET", "/metrics", "", "Connection: close"))[0], problem.CodeNotFound, "")
	for _, path := range []string{"/openapi.json", "/problems", "/problems/unavailable", "/swagger/index.html", "/healthz", "/readyz"} {
		if answers := w.gateway.exchange(t, raw("GET", path, "", "Connection: close")); len(answers) != 1 || answers[0].Status != http.StatusOK {
			t.Errorf("%s: %v", path, answers)
		}
	}
	w.check()
}

func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	p := findPlace(t, 1)
	replica := startStandIn(t, p, 0)
	g := startGateway(t, p)
	var group sync.WaitGroup
	for name, c := range map[string]struct {
		begins, drips string
		within        time.Duration
	}{
		"headers that stop":  {"POST /v1/orders HTTP/1.1\r\nHost: x\r\n", "", 5 * time.Second},
		"headers that drip":  {"POST /v1/orders HTTP/1.1\r\nHost: x\r\n", "X-Drip: a\r\n", 5 * time.Second},
		"a body that stops":  {raw("POST", "/v1/orders", "{", "Content-Length: 1000", "Idempotency-Key: slow-1"), "", 10 * time.Second},
		"a body that drips":  {raw("POST", "/v1/orders", "{", "Content-Length: 1000", "Idempotency-Key: slow-2"), " ", 10 * time.Second},
		"chunks that drip":   {raw("POST", "/v1/orders", "", "Transfer-Encoding: chunked", "Idempotency-Key: slow-3"), "1\r\n \r\n", 10 * time.Second},
		"a body of a notice": {raw("POST", "/provider/webhooks", "", "Content-Length: 1000"), " ", 10 * time.Second},
	} {
		group.Go(func() {
			answers, took := g.drip(t, c.begins, c.drips)
			if took < c.within-time.Second || took > c.within+15*time.Second {
				t.Errorf("%s: cut off after %s, want %s", name, took, c.within)
			}
			switch {
			case len(answers) != 1:
				t.Errorf("%s: got %v, want one answer", name, answers)
			case c.within > 5*time.Second:
				isProblem(t, name, answers[0], problem.CodeMalformedRequest, "")
			case answers[0].Status != http.StatusRequestTimeout:
				t.Errorf("%s: got %s, want 408", name, answers[0])
			}
		})
	}
	group.Wait()
	if n := replica.count(""); n != 0 {
		t.Errorf("%d half requests came to the replica", n)
	}
}

// drip sends a little each quarter of a second until the gateway closes the connection.
func (g *gateway) drip(t *testing.T, begins, drips string) (answers []service.Response, took time.Duration) {
	t.Helper()
	began, ended := time.Now(), make(chan struct{}) // the gateway counts from when it accepts
	conn := g.dial(t)
	defer func() { _ = conn.Close() }()
	go func() {
		defer close(ended)
		answers = answersOf(conn)
	}()
	_, _ = io.WriteString(conn, begins)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return answers, time.Since(began)
		case <-tick.C:
			_, _ = io.WriteString(conn, drips)
		}
	}
}
