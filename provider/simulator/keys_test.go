package simulator_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// answer is a raw response, as the wire has it.
type answer struct {
	status   int
	replayed bool
	body     string
}

// post sends form under key ("" for none) with the given bearer key ("" for none).
func (w world) post(t *testing.T, bearer, key, path string, form url.Values) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	return w.do(t, bearer, req)
}

func (w world) get(t *testing.T, path string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.do(t, secret, req)
}

func (w world) do(t *testing.T, bearer string, req *http.Request) answer {
	t.Helper()
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := w.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Idempotent-Replayed") == "true", string(body)}
}

func form(pairs ...string) url.Values {
	f := url.Values{
		"amount": {"1999"}, "currency": {"usd"}, "confirm": {"true"}, "payment_method": {"pm_card_visa"},
		"payment_method_types[]": {"card"}, "metadata[payment_id]": {"pay_1"},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			f.Del(pairs[i])
			continue
		}
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

const intents = "/v1/payment_intents"

func TestAKeyRepeatsItsAnswerByteForByte(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	first := w.post(t, secret, "k", intents, form())
	again := w.post(t, secret, "k", intents, form())
	if first.status != 200 || first.replayed || again.status != 200 || !again.replayed || first.body != again.body {
		t.Fatalf("first %+v, again %+v", first, again)
	}
	w.oneCharge(t, 1999, "succeeded", 2)
}

func TestAKeyWithOtherParametersIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	w.post(t, secret, "k", intents, form())
	other := w.post(t, secret, "k", intents, form("amount", "2000"))
	if other.status != 400 || !strings.Contains(other.body, "idempotency_error") {
		t.Fatalf("other amount: %+v", other)
	}
	if path := w.post(t, secret, "k", "/v1/refunds", form()); path.status != 400 || !strings.Contains(path.body, "idempotency_error") {
		t.Fatalf("other path: %+v", path)
	}
	w.oneCharge(t, 1999, "succeeded", 3)
}

func TestKeysAreAnAccountsOwn(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	w.post(t, secret, "k", intents, form())
	if second := w.post(t, "sk_test_another", "k", intents, form()); second.status != 200 || second.replayed {
		t.Fatalf("another account: %+v", second)
	}
	if n := len(w.charges(t, "")); n != 2 {
		t.Fatalf("%d charges, want 2", n)
	}
	if seen := w.get(t, intents); strings.Count(seen.body, `"object":"payment_intent"`) != 1 {
		t.Fatalf("list shows another account's intents: %s", seen.body)
	}
}

func TestFailedValidationLeavesTheKeyFree(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	if bad := w.post(t, secret, "k", intents, form("amount", "12.5")); bad.status != 400 {
		t.Fatalf("bad amount: %+v", bad)
	}
	if good := w.post(t, secret, "k", intents, form()); good.status != 200 || good.replayed {
		t.Fatalf("corrected: %+v", good)
	}
}

func TestFiftyCopiesAtOnceAreOneCharge(t *testing.T) {
	t.Parallel()
	w := start(t, t.TempDir())
	var wg sync.WaitGroup
	answers := make([]answer, 50)
	for i := range answers {
		wg.Go(func() { answers[i] = w.post(t, secret, "k", intents, form("payment_method", "pm_sim_slow_30")) })
	}
	wg.Wait()
	bodies := map[string]bool{}
	for _, a := range answers {
		switch a.status {
		case 200:
			bodies[a.body] = true
		case 409:
		default:
			t.Errorf("%+v", a)
		}
	}
	if len(bodies) != 1 {
		t.Fatalf("%d different answers, want 1", len(bodies))
	}
	w.oneCharge(t, 1999, "succeeded", 50)
}

func TestCopiesAfterAnUnstoredFailureAreStillOneCharge(t *testing.T) {
	t.Parallel()
	for range 20 {
		w := start(t, "")
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { w.post(t, secret, "k", intents, form("payment_method", "pm_sim_error_then_ok")) })
		}
		wg.Wait()
		if all := w.charges(t, ""); len(all) > 1 {
			t.Fatalf("charges: %+v", all)
		}
	}
}

func TestWrongRequestsAreRefusedLikeStripeDoes(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	cases := map[string]struct {
		form url.Values
		want string
	}{
		"no amount":         {form("amount", ""), "parameter_missing"},
		"zero":              {form("amount", "0"), "parameter_invalid_integer"},
		"negative":          {form("amount", "-5"), "parameter_invalid_integer"},
		"too large":         {form("amount", "1000000000000"), "amount_too_large"},
		"overflow":          {form("amount", "99999999999999999999"), "parameter_invalid_integer"},
		"no currency":       {form("currency", ""), "parameter_missing"},
		"upper case":        {form("currency", "USD"), "Invalid currency"},
		"not confirmed":     {form("confirm", ""), "parameter_missing"},
		"no method":         {form("payment_method", ""), "parameter_missing"},
		"unknown parameter": {form("colour", "red"), "parameter_unknown"},
		"capture method":    {form("capture_method", "sometimes"), "capture_method"},
		"long metadata":     {form("metadata[x]", strings.Repeat("x", 501)), "Metadata"},
	}
	for name, tc := range cases {
		got := w.post(t, secret, "k-"+name, intents, tc.form)
		if got.status != 400 || !strings.Contains(got.body, tc.want) || !strings.Contains(got.body, "invalid_request_error") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := w.post(t, "", "k", intents, form()); got.status != 401 {
		t.Errorf("without a key: %+v", got)
	}
	if got := w.post(t, secret, strings.Repeat("k", 256), intents, form()); got.status != 400 {
		t.Errorf("long key: %+v", got)
	}
	if got := w.get(t, "/v1/nothing"); got.status != 404 || !strings.Contains(got.body, "invalid_request_error") {
		t.Errorf("unknown route: %+v", got)
	}
	if n := len(w.charges(t, "?all=true")); n != 0 {
		t.Errorf("%d intents were made", n)
	}
}
