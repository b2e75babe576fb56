package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// later is the service as a later release might answer: a proxy that adds members to all objects, and values to open lists. It notes
// what was asked.
type later struct {
	*httptest.Server

	mu   sync.Mutex
	seen []string // "POST /v1/orders 201"
}

func laterRelease(t *testing.T, s *service.Service) *later {
	t.Helper()
	target, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	l := &later{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, ModifyResponse: l.change}
	l.Server = httptest.NewServer(proxy)
	t.Cleanup(l.Close)
	return l
}

// change adds to an answer and notes it.
func (l *later) change(resp *http.Response) error {
	line := fmt.Sprint(resp.Request.Method, " ", resp.Request.URL.Path, " ", resp.StatusCode)
	if id, found := strings.CutPrefix(resp.Request.URL.Path, "/v1/events/"); found {
		line = strings.Replace(line, id, "{id}", 1)
	}
	if resp.Header.Get("Idempotent-Replayed") != "" {
		line += " replayed"
	}
	l.mu.Lock()
	l.seen = append(l.seen, line)
	l.mu.Unlock()

	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return fmt.Errorf("%q: %w", body, err)
	}
	grow(value)
	if body, err = json.Marshal(value); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// grow adds a member to each object, and turns some values into new ones: those whose description says that there may be more.
func grow(value any) {
	switch value := value.(type) {
	case []any:
		for _, entry := range value {
			grow(entry)
		}
	case map[string]any:
		for name, member := range value {
			if name != "metadata" { // the client's own pairs
				grow(member)
			}
		}
		if value["type"] == "order.created" {
			value["type"] = "order.came_to_be"
		}
		if value["status"] == "pending_payment" {
			value["status"] = "waiting"
		}
		value["added_later"] = map[string]any{"a": 1, "b": nil}
	}
}

// wants fails when a client left something out.
func (l *later) wants(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range []string{
		"POST /v1/orders 201", "POST /v1/payments 201", "POST /v1/payments 201 replayed", "GET /v1/events 200", "GET /v1/events/{id} 200",
		"POST /v1/payments 409", "POST /v1/payments 402",
	} {
		if !slices.Contains(l.seen, line) {
			t.Errorf("the client did not get %s; got %q", line, l.seen)
		}
	}
}
