package provider_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

const secret = "sk_test_0123456789abcdefghij"

// intentJSON is a payment intent as the provider writes it, cut down to what is read.
const intentJSON = `{"object":"payment_intent","id":"pi_1","status":"succeeded","amount":1999,"amount_received":1999,
	"amount_capturable":0,"currency":"usd","capture_method":"automatic","created":1700000000,
	"metadata":{"payment_id":"pay_1","merchant_id":"mer_1"},"last_payment_error":null,"next_action":null}`

func ask() provider.AuthorizeRequest {
	return provider.AuthorizeRequest{
		Key: "key-1", PaymentID: "pay_1", MerchantID: "mer_1", Amount: 1999, Currency: "USD", PaymentMethod: "pm_card_visa",
	}
}

func look() provider.FindRequest {
	return provider.FindRequest{PaymentID: "pay_1", MerchantID: "mer_1", Amount: 1999, Currency: "USD", Since: time.Unix(1700000000, 0)}
}

// client returns one for url with a breaker that never opens, unless change says otherwise.
func client(t *testing.T, url string, change ...func(*provider.Config)) *provider.Client {
	t.Helper()
	cfg := provider.Config{URL: url, SecretKey: secret, Timeout: 10 * time.Second, BreakerFailures: 1_000_000}
	for _, c := range change {
		c(&cfg)
	}
	c, err := provider.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func within(d time.Duration) func(*provider.Config) {
	return func(cfg *provider.Config) { cfg.Timeout = d }
}

// answering serves the same answer to every request and counts them.
func answering(t *testing.T, status int, contentType, body string) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// silent fails the test when the result's error could show the secret key or the provider's own words.
func silent(t *testing.T, res provider.Result[provider.Intent]) {
	t.Helper()
	shown := fmt.Sprintf("%v %+v %#v", res.Err, res, res.Err)
	if strings.Contains(shown, secret) || strings.Contains(shown, "provider's own words") {
		t.Errorf("the result shows what it must not: %s", shown)
	}
}

func TestOneCallIsOneRequestThatFollowsFromItsValues(t *testing.T) {
	t.Parallel()
	const want = "amount=1999&capture_method=manual&confirm=true&currency=usd&metadata%5Bmerchant_id%5D=mer_1&" +
		"metadata%5Bpayment_id%5D=pay_1&payment_method=pm_card_visa&payment_method_types%5B%5D=card"
	var bodies, keys, paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		paths = append(paths, r.Method+" "+r.URL.RequestURI())
		if r.Header.Get("Authorization") != "Bearer "+secret || r.Header.Get("Stripe-Version") != provider.DefaultVersion ||
			r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Proto != "HTTP/1.1" {
			t.Errorf("headers: %v over %s", r.Header, r.Proto)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, intentJSON)
	}))
	t.Cleanup(server.Close)
	c := client(t, server.URL)
	manual := ask()
	manual.Manual = true
	for range 2 {
		res := c.Authorize(t.Context(), manual)
		in := res.Object
		if res.Outcome != provider.Answered || res.Err != nil || in.Reference != "pi_1" || in.Amount != 1999 || in.Currency != "USD" ||
			!in.Created.Equal(time.Unix(1700000000, 0)) || in.Metadata["payment_id"] != "pay_1" {
			t.Fatalf("%+v %+v", res, in)
		}
	}
	if len(bodies) != 2 || bodies[0] != want || bodies[1] != want || keys[0] != "key-1" || paths[0] != "POST /v1/payment_intents" {
		t.Fatalf("bodies %q, keys %q, paths %q", bodies, keys, paths)
	}
}

func TestAReturnURLIsSentWhereThereIsOne(t *testing.T) {
	t.Parallel()
	url, lines := recording(t, intentJSON)
	c, back := client(t, url), ask()
	c.Authorize(t.Context(), back)
	back.ReturnURL = "https://shop.example/back?order=1"
	if res := c.Authorize(t.Context(), back); res.Outcome != provider.Answered {
		t.Fatalf("authorize: %+v", res)
	}
	const want = "&return_url=https%3A%2F%2Fshop.example%2Fback%3Forder%3D1"
	if len(*lines) != 2 || (*lines)[0]+want != (*lines)[1] {
		t.Errorf("got %q, want the second to end with %s, and the first without", *lines, want)
	}
}

// answerCase is one answer of the provider and what each kind of call makes of it.
type answerCase struct {
	name              string
	status            int
	contentType, body string
	authorize         provider.Outcome
	retrieve          provider.Outcome
}

func answerCases() []answerCase {
	fault := func(kind, code string) string {
		return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"the provider's own words %s"}}`, kind, code, secret)
	}
	const js = "application/json"
	return []answerCase{
		{"intent", 200, js, intentJSON, provider.Answered, provider.Answered},
		{"accepted intent", 202, js, intentJSON, provider.Answered, provider.Answered},
		{"intent as text", 200, "text/plain", intentJSON, provider.Unknown, provider.Unknown},
		{"intent without type", 200, "", intentJSON, provider.Unknown, provider.Unknown},
		{"garbage", 200, js, "<html>the provider's own words", provider.Unknown, provider.Unknown},
		{"nothing", 200, js, "", provider.Unknown, provider.Unknown},
		{"two values", 200, js, intentJSON + intentJSON, provider.Unknown, provider.Unknown},
		{"truncated", 200, js, intentJSON[:100], provider.Unknown, provider.Unknown},
		{"another object", 200, js, strings.Replace(intentJSON, "payment_intent", "customer", 1), provider.Unknown, provider.Unknown},
		{"no amount", 200, js, strings.Replace(intentJSON, `"amount":1999,`, "", 1), provider.Unknown, provider.Unknown},
		{"negative amount", 200, js, strings.Replace(intentJSON, `"amount":1999`, `"amount":-1`, 1), provider.Unknown, provider.Unknown},
		{"fraction", 200, js, strings.Replace(intentJSON, `"amount":1999`, `"amount":19.99`, 1), provider.Unknown, provider.Unknown},
		{"path as id", 200, js, strings.Replace(intentJSON, "pi_1", "../../x", 1), provider.Unknown, provider.Unknown},
		{"no content", 204, js, "", provider.Unknown, provider.Unknown},
		{"redirect", 302, js, intentJSON, provider.Unknown, provider.Unknown},
		{"bad request", 400, js, fault("invalid_request_error", "parameter_missing"), provider.Refused, provider.Refused},
		{"bad request about an intent that was made", 400, js, `{"error":{"type":"invalid_request_error","payment_intent":` + intentJSON + `}}`, provider.Unknown, provider.Unknown},
		{"idempotency error", 400, js, fault("idempotency_error", ""), provider.Unknown, provider.Unknown},
		{"gateway's 400", 400, "text/html", "the provider's own words", provider.Unknown, provider.Unknown},
		{"unauthorized", 401, js, fault("invalid_request_error", ""), provider.Unauthorized, provider.Unauthorized},
		{"forbidden", 403, "text/html", "the provider's own words", provider.Unauthorized, provider.Unauthorized},
		{"decline", 402, js, fault("card_error", "card_declined"), provider.Declined, provider.Unknown},
		{"402 otherwise", 402, js, fault("invalid_request_error", ""), provider.Unknown, provider.Unknown},
		{"402 garbage", 402, js, "the provider's own words", provider.Unknown, provider.Unknown},
		{"missing", 404, js, fault("invalid_request_error", "resource_missing"), provider.Refused, provider.NotFound},
		{"gateway's 404", 404, "text/html", "the provider's own words", provider.Unknown, provider.Unknown},
		{"conflict", 409, js, fault("invalid_request_error", "idempotency_key_in_use"), provider.Unknown, provider.Unknown},
		{"unprocessable", 422, js, fault("invalid_request_error", "x"), provider.Refused, provider.Refused},
		{"too many", 429, js, fault("invalid_request_error", "rate_limit"), provider.Unknown, provider.Unknown},
		{"internal", 500, js, fault("api_error", ""), provider.Unknown, provider.Unknown},
		{"card error as 500", 500, js, fault("card_error", "card_declined"), provider.Unknown, provider.Unknown},
		{"unavailable", 503, "text/plain", "the provider's own words", provider.Unknown, provider.Unknown},
		{"too long", 200, js, `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, provider.Unknown, provider.Unknown},
		{"secret as code", 402, js, fault("card_error", secret), provider.Declined, provider.Unknown},
	}
}

func TestEachAnswerHasOneOutcome(t *testing.T) {
	t.Parallel()
	for _, tc := range answerCases() {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url, requests := answering(t, tc.status, tc.contentType, tc.body)
			c := client(t, url)
			res := c.Authorize(t.Context(), ask())
			if res.Outcome != tc.authorize || res.HTTPStatus != tc.status || requests.Load() != 1 {
				t.Errorf("authorize: %+v after %d requests, want %s", res, requests.Load(), tc.authorize)
			}
			silent(t, res)
			if known := res.Outcome == provider.Answered || res.Outcome == provider.Declined; known != (res.Err == nil) {
				t.Errorf("authorize: outcome %s with error %v", res.Outcome, res.Err)
			}
			res = c.Retrieve(t.Context(), "pi_1")
			if res.Outcome != tc.retrieve {
				t.Errorf("retrieve: %+v, want %s", res, tc.retrieve)
			}
			silent(t, res)
			if res = c.Find(t.Context(), look()); res.Outcome == provider.NotFound || res.Outcome == provider.Answered {
				t.Errorf("find believes what is no list: %+v", res)
			}
			silent(t, res)
		})
	}
}

func TestARetrievedIntentMustBeTheOneAskedFor(t *testing.T) {
	t.Parallel()
	url, _ := answering(t, 200, "application/json", intentJSON)
	if res := client(t, url).Retrieve(t.Context(), "pi_2"); res.Outcome != provider.Unknown || res.Object != nil {
		t.Fatalf("%+v", res)
	}
}

func TestACustomerIsOnlySentToAWebAddress(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]string{
		`{"type":"redirect_to_url","redirect_to_url":{"url":"https://bank.example/3ds?x=1"}}`:  "https://bank.example/3ds?x=1",
		`{"type":"use_stripe_sdk","use_stripe_sdk":{"stripe_js":"https://hooks.example/3ds"}}`: "https://hooks.example/3ds",
		`{"type":"use_stripe_sdk","use_stripe_sdk":{"stripe_js":{"x":1}}}`:                     "",
		`{"type":"use_stripe_sdk","use_stripe_sdk":{}}`:                                        "",
		`{"type":"redirect_to_url","redirect_to_url":{"url":"javascript:alert(1)"}}`:           "",
		`{"type":"redirect_to_url","redirect_to_url":{"url":"https://user:pw@bank.example"}}`:  "",
		`{"type":"redirect_to_url","redirect_to_url":{"url":"//bank.example"}}`:                "",
	} {
		url, _ := answering(t, 200, "application/json", strings.Replace(intentJSON, `"next_action":null`, `"next_action":`+action, 1))
		if res := client(t, url).Authorize(t.Context(), ask()); res.Outcome != provider.Answered || res.Object.NextActionURL != want {
			t.Errorf("%s: %+v", action, res.Object)
		}
	}
}

func TestWrongRequestsAreNotSent(t *testing.T) {
	t.Parallel()
	url, requests := answering(t, 200, "application/json", intentJSON)
	c := client(t, url)
	for name, change := range map[string]func(*provider.AuthorizeRequest){
		"no key":        func(r *provider.AuthorizeRequest) { r.Key = "" },
		"line break":    func(r *provider.AuthorizeRequest) { r.Key = "a\r\nX: y" },
		"long key":      func(r *provider.AuthorizeRequest) { r.Key = strings.Repeat("k", 256) },
		"no payment id": func(r *provider.AuthorizeRequest) { r.PaymentID = "" },
		"no amount":     func(r *provider.AuthorizeRequest) { r.Amount = 0 },
		"currency":      func(r *provider.AuthorizeRequest) { r.Currency = "US$" },
		"return URL":    func(r *provider.AuthorizeRequest) { r.ReturnURL = "javascript:alert(1)" },
	} {
		r := ask()
		change(&r)
		if res := c.Authorize(t.Context(), r); res.Outcome != provider.NotSent || res.Err == nil {
			t.Errorf("%s: %+v", name, res)
		}
	}
	for _, reference := range []string{"", "../x", "pi_1?x=y", "pi 1"} {
		if res := c.Retrieve(t.Context(), reference); res.Outcome != provider.NotSent {
			t.Errorf("%q: %+v", reference, res)
		}
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests were sent", requests.Load())
	}
}

func TestSettingsAreCheckedAndTheSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	good := provider.Config{URL: "http://127.0.0.1:1", SecretKey: secret, Timeout: time.Second}
	for name, change := range map[string]func(*provider.Config){
		"no scheme":  func(c *provider.Config) { c.URL = "127.0.0.1:1" },
		"ftp":        func(c *provider.Config) { c.URL = "ftp://host" },
		"path":       func(c *provider.Config) { c.URL = "https://host/v1" },
		"user":       func(c *provider.Config) { c.URL = "https://" + secret + "@host" },
		"no secret":  func(c *provider.Config) { c.SecretKey = "" },
		"line break": func(c *provider.Config) { c.SecretKey = secret + "\n" },
		"version":    func(c *provider.Config) { c.Version = "a b" },
		"timeout":    func(c *provider.Config) { c.Timeout = 0 },
		"breaker":    func(c *provider.Config) { c.BreakerPause = -1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := provider.New(cfg); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "config", good)
	c := client(t, good.URL)
	if shown := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", good, good, good, &log, c, c, c); strings.Contains(shown, secret) {
		t.Errorf("printing the settings shows the secret: %s", shown)
	}
}
