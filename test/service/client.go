package service

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/apicheck"
	"github.com/payonce/payonce/test/check"
)

// Client is one merchant at one replica. It never sends a request twice by itself. Safe for concurrent use.
type Client struct {
	service  *Service
	merchant string // empty when only the key is known
	apiKey   string
	via      string // instead of the replica's address
	http     *http.Client
	record   func(check.Event)
	before   bool // answers may be of an earlier release, which lack what came since
}

// Client returns a client of this replica; it finds the replica again after a restart.
func (s *Service) Client(apiKey string) *Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, secret, _ := strings.Cut(strings.TrimPrefix(apiKey, "sk_test_"), "_")
	if secret != "" {
		s.secrets = append(s.secrets, secret)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &Client{service: s, apiKey: apiKey, http: &http.Client{
		Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// NewMerchant makes a merchant in the service's database and returns a client of it.
func (s *Service) NewMerchant() *Client {
	s.t.Helper()
	merchant, apiKey := Merchant(s.t, s.Options.DatabaseURL)
	return s.Client(apiKey).Of(merchant)
}

// At is the same merchant at another replica.
func (c *Client) At(s *Service) *Client {
	other := s.Client(c.apiKey)
	other.merchant, other.record, other.before = c.merchant, c.record, c.before
	return other
}

// AtReleaseBefore is the same client where an earlier release serves or has served: its answers are not held against this release's
// API document.
func (c *Client) AtReleaseBefore() *Client {
	other := *c
	other.before = true
	return &other
}

// Via is the same client through a proxy in front of its replica.
func (c *Client) Via(url string) *Client {
	other := c.At(c.service)
	other.via = url
	return other
}

// As is a client with another API key, of whom nothing else is known. An empty one sends no Authorization header.
func (c *Client) As(apiKey string) *Client {
	other := *c
	other.apiKey, other.merchant, other.record = apiKey, "", nil
	return &other
}

// Of is the same client, knowing whose API key it has.
func (c *Client) Of(merchant string) *Client {
	other := *c
	other.merchant = merchant
	return &other
}

// Recorded is the same client, whose every request is told to record.
func (c *Client) Recorded(record func(check.Event)) *Client {
	other := *c
	other.record = record
	return &other
}

// MerchantID is whose requests these are.
func (c *Client) MerchantID() string { return c.merchant }

// APIKey is the secret that the client sends.
func (c *Client) APIKey() string { return c.apiKey }

// once hides what the body is made of: the transport can't rewind it, so it can't send a request again by itself.
type once struct{ io.Reader }

// Send makes one request. An empty key sends no Idempotency-Key. headers are pairs of name and value; they replace what
// would be sent otherwise, and a name that comes twice is sent twice.
func (c *Client) Send(ctx context.Context, method, path, key, body string, headers ...string) Response {
	req, err := c.request(ctx, method, path, key, body, headers)
	if err != nil {
		return Response{Err: err}
	}
	sent := time.Now()
	resp, whole := c.exchange(req)
	resp.Took = time.Since(sent)
	if c.record != nil {
		c.record(c.event(req, key, body, sent, resp, whole))
	}
	return resp
}

func (c *Client) request(ctx context.Context, method, path, key, body string, headers []string) (*http.Request, error) {
	var reader io.Reader
	if method != http.MethodGet && method != http.MethodHead {
		reader = once{strings.NewReader(body)} // also an empty one: without a body the transport would feel free
	}
	url := c.via
	if url == "" {
		url = c.service.URL()
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, reader)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(body))
	if c.apiKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	given := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		given.Add(headers[i], headers[i+1])
	}
	maps.Copy(req.Header, given)
	return req, nil
}

// exchange sends a request; whole tells whether a whole answer came, right or wrong.
func (c *Client) exchange(req *http.Request) (_ Response, whole bool) {
	resp, err := c.http.Do(req)
	if err != nil {
		return Response{Err: err}, false
	}
	defer func() { _ = resp.Body.Close() }()
	answer := Response{Status: resp.StatusCode, Header: resp.Header}
	if answer.Body, answer.Err = io.ReadAll(resp.Body); answer.Err != nil {
		return answer, false
	}
	if req.Method != http.MethodHead && !c.before {
		answer.Err = apicheck.Response(req.Method, req.URL.EscapedPath(), resp.StatusCode, resp.Header, answer.Body)
	}
	return answer, true
}

// event is the line that a history gets.
func (c *Client) event(req *http.Request, key, body string, sent time.Time, resp Response, whole bool) check.Event {
	e := check.Event{
		Merchant: c.merchant, Key: key, Method: req.Method, Path: req.URL.RequestURI(),
		Request: check.RequestOf(req.Method, req.URL.RequestURI(), body),
		Sent:    check.At(sent), Answered: check.At(sent.Add(resp.Took)),
	}
	if resp.Err != nil {
		e.Error = resp.Err.Error()
	}
	if !whole {
		return e
	}
	e.Status, e.Body, e.Replayed = resp.Status, string(resp.Body), resp.Replayed()
	for _, name := range check.ReplayedHeaders() {
		if value := resp.Header.Get(name); value != "" {
			if e.Header == nil {
				e.Header = map[string]string{}
			}
			e.Header[name] = value
		}
	}
	return e
}

// Post sends a body with a key.
func (c *Client) Post(path, key, body string, headers ...string) Response {
	return c.Send(context.Background(), http.MethodPost, path, key, body, headers...)
}

// Get reads a resource.
func (c *Client) Get(path string) Response {
	return c.Send(context.Background(), http.MethodGet, path, "", "")
}

// Pay pays an order with a payment method.
func (c *Client) Pay(order, method, key string, headers ...string) Response {
	return c.Post("/v1/payments", key, PaymentBody(order, method), headers...)
}

// PaymentBody is the request that [Client.Pay] sends.
func PaymentBody(order, method string) string {
	return fmt.Sprintf(`{"order_id":%q,"payment_method":%q}`, order, method)
}

// OrderBody is the request that [Client.CreateOrder] sends.
const OrderBody = `{"amount":1999,"currency":"EUR"}`

// CreateOrder makes an order of 19.99 EUR under a key of its own and returns its id.
func (c *Client) CreateOrder() string {
	c.service.t.Helper()
	resp := c.Post("/v1/orders", uuid.NewString(), OrderBody)
	if resp.Status != http.StatusCreated {
		c.service.t.Fatalf("create an order: %s", resp)
	}
	return resp.Field("id")
}

// Response is an answer, or with Err set the lack of one: then the request may or may not have had its effect.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Err    error
	Took   time.Duration
}

// Field is a top-level member of the body that is a string; empty when there is none.
func (r Response) Field(name string) string {
	var members map[string]any
	_ = json.Unmarshal(r.Body, &members)
	text, _ := members[name].(string)
	return text
}

// Code is the problem's code; empty for an answer that is no problem.
func (r Response) Code() string {
	if r.Header.Get("Content-Type") != "application/problem+json" {
		return ""
	}
	return r.Field("code")
}

// JSON decodes the body into value.
func (r Response) JSON(t testing.TB, value any) {
	t.Helper()
	if err := json.Unmarshal(r.Body, value); err != nil {
		t.Fatalf("decode %s: %v", r, err)
	}
}

// Replayed tells whether the answer says that it was stored before.
func (r Response) Replayed() bool { return r.Header.Get("Idempotent-Replayed") == "true" }

// Same tells whether two answers have the same status, the same bytes and the same replayed headers.
func (r Response) Same(other Response) bool {
	for _, name := range check.ReplayedHeaders() {
		if r.Header.Get(name) != other.Header.Get(name) {
			return false
		}
	}
	return r.Err == nil && other.Err == nil && r.Status == other.Status && bytes.Equal(r.Body, other.Body)
}

func (r Response) String() string {
	if r.Err != nil {
		return fmt.Sprintf("no answer after %s: %v", r.Took.Round(time.Millisecond), r.Err)
	}
	return fmt.Sprintf("%d after %s: %s", r.Status, r.Took.Round(time.Millisecond), r.Body)
}
