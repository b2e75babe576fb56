package problem_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/payonce/payonce/internal/problem"
)

// The table of errors that clients rely on, written a second time: code, status, retryable, safe_new_key as it is said without a look-up and
// with one that found nothing.
func promised() map[problem.Code][4]any {
	return map[problem.Code][4]any{
		"idempotency-key-missing":       {400, false, false, false},
		"idempotency-key-invalid":       {400, false, false, false},
		"malformed-request":             {400, false, false, true},
		"unauthorized":                  {401, false, false, false},
		"payment-declined":              {402, false, true, true},
		"forbidden":                     {403, false, false, false},
		"not-found":                     {404, false, false, true},
		"method-not-allowed":            {405, false, false, false},
		"idempotency-request-in-flight": {409, true, false, false},
		"order-not-payable":             {409, false, false, true},
		"order-not-cancelable":          {409, false, false, true},
		"order-reference-exists":        {409, false, false, true},
		"discrepancy-not-resolvable":    {409, false, false, true},
		"payment-not-capturable":        {409, false, false, true},
		"payment-not-cancelable":        {409, false, false, true},
		"payment-not-refundable":        {409, false, false, true},

		"idempotency-key-not-cancelable": {409, false, false, true},
		"too-many-webhook-endpoints":     {409, false, false, true},
		"webhook-endpoint-disabled":      {409, false, false, true},

		"idempotency-key-expired":  {410, false, false, false},
		"idempotency-key-canceled": {410, false, true, true},
		"body-too-large":           {413, false, false, false},
		"unsupported-media-type":   {415, false, false, false},
		"idempotency-key-reused":   {422, false, false, false},
		"validation-failed":        {422, false, false, true},
		"amount-too-large":         {422, false, false, true},
		"provider-rejected":        {422, false, false, true},
		"rate-limited":             {429, true, false, false},
		"internal":                 {500, true, false, false},
		"unavailable":              {503, true, false, false},
	}
}

func TestEveryCodePromisesWhatTheTableSays(t *testing.T) {
	t.Parallel()
	got := map[problem.Code][4]any{}
	last := 0
	for _, code := range problem.Codes() {
		p := problem.New(code, "x")
		unknown := p.SafeNewKey
		got[code] = [4]any{p.Status, p.Retryable, unknown, p.WithUnusedKey().SafeNewKey}
		if p.Code != code || p.Type != "/problems/"+string(code) || p.Title == "" || p.Status < last {
			t.Errorf("%s: %+v", code, p)
		}
		last = p.Status
	}
	if diff := cmp.Diff(promised(), got); diff != "" {
		t.Error(diff)
	}
}

func TestRetryAfterIsAWholeNumberOfSensibleSeconds(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		math.MinInt64: "1", -time.Second: "1", 0: "1", 1: "1", time.Second: "1", time.Second + 1: "2", 1500 * time.Millisecond: "2", 30 * time.Second: "30",
		time.Minute: "60", time.Minute + 1: "60", time.Hour: "60", math.MaxInt64: "60",
	} {
		for _, code := range []problem.Code{problem.CodeRequestInFlight, problem.CodeRateLimited, problem.CodeUnavailable} {
			header := http.Header{}
			problem.New(code, "").WithRetryAfter(wait).Header(header)
			if got := header.Values("Retry-After"); len(got) != 1 || got[0] != want {
				t.Errorf("%s after %s: got %q, want %s", code, wait, got, want)
			}
		}
	}
}

func TestADocumentHasItsMembersInOrder(t *testing.T) {
	t.Parallel()
	p := problem.New(problem.CodePaymentDeclined, "declined <by> the issuer & final").
		WithInstance("/v1/payments/pay_1").WithLink("payment", "/v1/payments/pay_1").
		WithErrors(problem.FieldError{Pointer: "/a", Code: "c", Detail: "d"}).
		WithDecline("pay_1", "insufficient_funds").WithRetryAfter(time.Second)
	want := `{"type":"/problems/payment-declined","title":"The payment was declined","status":402,` +
		`"detail":"declined <by> the issuer & final","instance":"/v1/payments/pay_1","code":"payment-declined",` +
		`"retryable":false,"safe_new_key":true,"links":[{"rel":"payment","href":"/v1/payments/pay_1"}],` +
		`"errors":[{"pointer":"/a","code":"c","detail":"d"}],"payment_id":"pay_1","decline_code":"insufficient_funds"}`
	if got := string(p.Body()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	bare := `{"type":"/problems/not-found","title":"Not found","status":404,"code":"not-found","retryable":false,"safe_new_key":false}`
	if got := string(problem.New(problem.CodeNotFound, "").Body()); got != bare {
		t.Errorf("got  %s\nwant %s", got, bare)
	}
}

func TestInternalProblemsSayNothingAboutTheCause(t *testing.T) {
	t.Parallel()
	for _, code := range []problem.Code{problem.CodeInternal, "no-such-code"} {
		p := problem.New(code, "pq: password of host db-1 is wrong")
		if p.Status != 500 || p.Code != problem.CodeInternal || strings.Contains(p.Error()+string(p.Body()), "db-1") {
			t.Errorf("%s: %s", code, p.Body())
		}
	}
}

func TestWriteSendsTheHeadersThatBelongToTheProblem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		p                     *problem.Problem
		retryAfter, challenge string
		status                int
		instance              string
	}{
		"in flight, 1.2 s left":   {problem.New(problem.CodeRequestInFlight, "").WithRetryAfter(1200 * time.Millisecond), "2", "", 409, "req-1"},
		"in flight, nothing left": {problem.New(problem.CodeRequestInFlight, "").WithRetryAfter(-time.Second), "1", "", 409, "req-1"},
		"unavailable, 3 s":        {problem.New(problem.CodeUnavailable, "").WithRetryAfter(3 * time.Second), "3", "", 503, "req-1"},
		"unauthorized":            {problem.New(problem.CodeUnauthorized, ""), "", "Bearer", 401, "req-1"},
		"with its own instance":   {problem.New(problem.CodePaymentDeclined, "").WithInstance("/x"), "", "", 402, "/x"},
	} {
		w := httptest.NewRecorder()
		c.p.Write(w, "req-1")
		var sent problem.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &sent); err != nil {
			t.Fatal(err)
		}
		got := []any{w.Code, w.Header().Get("Content-Type"), w.Header().Get("Retry-After"), w.Header().Get("WWW-Authenticate"), sent.Instance}
		want := []any{c.status, "application/problem+json", c.retryAfter, c.challenge, c.instance}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWriteLeavesTheProblemAsItWas(t *testing.T) {
	t.Parallel()
	p := problem.New(problem.CodeNotFound, "")
	p.Write(httptest.NewRecorder(), "req-1")
	if p.Instance != "" {
		t.Errorf("instance became %q", p.Instance)
	}
}

func TestAProblemIsAnError(t *testing.T) {
	t.Parallel()
	var err error = problem.New(problem.CodeOrderNotPayable, "paid already").WithRetryable()
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok || p.Error() != "order-not-payable: paid already" || !p.Retryable {
		t.Errorf("got %v", err)
	}
}

func TestEveryCodeHasAPageThatNeedsNothingElse(t *testing.T) {
	t.Parallel()
	index := string(problem.IndexPage())
	for _, code := range problem.Codes() {
		raw, ok := problem.Page(code)
		page := string(raw)
		p := problem.New(code, "")
		if !ok || !strings.Contains(page, p.Title) || !strings.Contains(page, "safe_new_key") || !strings.Contains(page, string(code)) {
			t.Errorf("%s: the page is not complete", code)
		}
		for _, empty := range []string{"<p></p>", "ZgotmplZ", "http://", "https://", "<script", "<no value>"} {
			if strings.Contains(page, empty) {
				t.Errorf("%s: the page holds %s", code, empty)
			}
		}
		if !strings.Contains(index, `href="`+code.Path()+`"`) {
			t.Errorf("%s is not in the index", code)
		}
	}
	if _, ok := problem.Page("no-such-code"); ok {
		t.Error("an unknown code has a page")
	}
	if http.DetectContentType([]byte(index)) != problem.PageContentType {
		t.Errorf("the index is %s", http.DetectContentType([]byte(index)))
	}
}
