package provider_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/payonce/payonce/provider"
)

func captureOf(reference string) provider.CaptureRequest {
	return provider.CaptureRequest{
		Currency: "USD",
		Key:      "key-3", Reference: reference, Amount: 500, OperationID: "cap_1", PaymentID: "pay_1", MerchantID: "mer_1",
	}
}

// recording answers every request with body, and notes method, path, query and form of each, in one line.
func recording(t *testing.T, body string) (url string, lines *[]string) {
	t.Helper()
	lines = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, _ := io.ReadAll(r.Body)
		*lines = append(*lines, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Idempotency-Key")+" "+string(form))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, lines
}

func TestACaptureIsOneRequestThatFollowsFromItsValues(t *testing.T) {
	t.Parallel()
	url, lines := recording(t, intentJSON)
	c := client(t, url)
	part, rest := captureOf("pi_1"), captureOf("pi_1")
	rest.Key, rest.Amount, rest.Final = "key-4", 0, true
	for _, r := range []provider.CaptureRequest{part, part, rest} {
		if res := c.Capture(t.Context(), r); res.Outcome != provider.Answered || res.Object.AmountReceived != 1999 {
			t.Fatalf("capture: %+v, want answered", res)
		}
	}
	const ids = "&metadata%5Bmerchant_id%5D=mer_1&metadata%5Boperation_id%5D=cap_1&metadata%5Bpayment_id%5D=pay_1"
	const path = "POST /v1/payment_intents/pi_1/capture "
	first := path + "key-3 amount_to_capture=500&final_capture=false" + ids
	if want := []string{first, first, path + "key-4 amount_to_capture=0&final_capture=true" + ids}; !slices.Equal(*lines, want) {
		t.Errorf("got %q, want %q", *lines, want)
	}
}

func TestACaptureThatIsWrongInItselfIsNotSent(t *testing.T) {
	t.Parallel()
	url, lines := recording(t, intentJSON)
	c := client(t, url)
	for name, change := range map[string]func(*provider.CaptureRequest){
		"no key":              func(r *provider.CaptureRequest) { r.Key = "" },
		"a path":              func(r *provider.CaptureRequest) { r.Reference = "../x" },
		"no reference":        func(r *provider.CaptureRequest) { r.Reference = "" },
		"no operation":        func(r *provider.CaptureRequest) { r.OperationID = "" },
		"no payment":          func(r *provider.CaptureRequest) { r.PaymentID = "" },
		"no merchant":         func(r *provider.CaptureRequest) { r.MerchantID = "" },
		"negative":            func(r *provider.CaptureRequest) { r.Amount, r.Final = -1, true },
		"nothing, not final":  func(r *provider.CaptureRequest) { r.Amount = 0 },
		"a key with a break":  func(r *provider.CaptureRequest) { r.Key = "a\r\nX: y" },
		"a reference's query": func(r *provider.CaptureRequest) { r.Reference = "pi_1?x=y" },
	} {
		r := captureOf("pi_1")
		change(&r)
		if res := c.Capture(t.Context(), r); res.Outcome != provider.NotSent || res.Err == nil {
			t.Errorf("%s: got %+v, want not_sent", name, res)
		}
	}
	if len(*lines) != 0 {
		t.Errorf("got requests %q, want none", *lines)
	}
}

// A capture is about an intent that exists, so a refusal that shows it is a refusal, and says in which state the intent is.
func TestEachAnswerToACaptureHasOneOutcome(t *testing.T) {
	t.Parallel()
	const state = `{"error":{"type":"invalid_request_error","code":"payment_intent_unexpected_state","payment_intent":` + intentJSON + `}}`
	const card = `{"error":{"type":"card_error","code":"card_declined","decline_code":"generic_decline","payment_intent":` + intentJSON + `}}`
	for name, tc := range map[string]struct {
		status int
		body   string
		asked  string
		want   provider.Outcome
		shown  bool
	}{
		"the intent":                         {200, intentJSON, "pi_1", provider.Answered, true},
		"another intent":                     {200, intentJSON, "pi_2", provider.Unknown, false},
		"a refund":                           {200, refundJSON, "pi_1", provider.Unknown, false},
		"declined":                           {402, card, "pi_1", provider.Declined, true},
		"another intent's decline":           {402, card, "pi_2", provider.Unknown, false},
		"refused in this state":              {400, state, "pi_1", provider.Refused, true},
		"refused in another intent's state":  {400, state, "pi_2", provider.Unknown, false},
		"refused without the intent":         {400, `{"error":{"type":"invalid_request_error","code":"amount_too_large"}}`, "pi_1", provider.Refused, false},
		"another request under the same key": {400, `{"error":{"type":"idempotency_error"}}`, "pi_1", provider.Unknown, false},
		"a gateway's refusal":                {400, `{}`, "pi_1", provider.Unknown, false},
		"no such intent":                     {404, `{"error":{"type":"invalid_request_error","code":"resource_missing"}}`, "pi_1", provider.Refused, false},
		"in flight":                          {409, `{"error":{"type":"invalid_request_error","code":"lock_timeout"}}`, "pi_1", provider.Unknown, false},
		"a failure that shows the intent":    {500, state, "pi_1", provider.Unknown, false},
	} {
		url, _ := answering(t, tc.status, "application/json", tc.body)
		res := client(t, url).Capture(t.Context(), captureOf(tc.asked))
		if res.Outcome != tc.want || (res.Object != nil) != tc.shown || res.HTTPStatus != tc.status {
			t.Errorf("%s: got %+v, want %s, and the intent shown: %v", name, res, tc.want, tc.shown)
		}
		silent(t, res)
	}
}
