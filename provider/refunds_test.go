package provider_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// refundJSON is a refund as the provider writes it, cut down to what is read.
const refundJSON = `{"object":"refund","id":"re_1","status":"pending","amount":500,"currency":"usd","payment_intent":"pi_1",
	"created":1700000000,"metadata":{"operation_id":"re_ours","payment_id":"pay_1","merchant_id":"mer_1"}}`

func refundOf(reference string) provider.RefundRequest {
	return provider.RefundRequest{
		Currency: "USD",
		Key:      "key-5", Reference: reference, Amount: 500, OperationID: "re_ours", PaymentID: "pay_1", MerchantID: "mer_1",
	}
}

func TestARefundIsOneRequestThatFollowsFromItsValues(t *testing.T) {
	t.Parallel()
	url, lines := recording(t, refundJSON)
	c := client(t, url)
	plain, explained := refundOf("pi_1"), refundOf("pi_1")
	explained.Reason = "the customer's wish & more"
	for _, r := range []provider.RefundRequest{plain, plain, explained} {
		res := c.Refund(t.Context(), r)
		got := res.Object
		if res.Outcome != provider.Answered || got.Reference != "re_1" || got.Status != "pending" || got.Amount != 500 ||
			got.Currency != "USD" || got.Intent != "pi_1" || got.Metadata["operation_id"] != "re_ours" ||
			!got.Created.Equal(time.Unix(1700000000, 0)) {
			t.Fatalf("refund: %+v %+v, want answered with what the provider wrote", res, got)
		}
	}
	const ids = "metadata%5Bmerchant_id%5D=mer_1&metadata%5Boperation_id%5D=re_ours&metadata%5Bpayment_id%5D=pay_1"
	const line = "POST /v1/refunds key-5 amount=500&" + ids
	want := []string{
		line + "&payment_intent=pi_1", line + "&payment_intent=pi_1",
		line + "&metadata%5Breason%5D=the+customer%27s+wish+%26+more&payment_intent=pi_1",
	}
	if !slices.Equal(*lines, want) {
		t.Errorf("got %q, want %q", *lines, want)
	}
}

func TestARefundThatIsWrongInItselfIsNotSent(t *testing.T) {
	t.Parallel()
	url, lines := recording(t, refundJSON)
	c := client(t, url)
	for name, change := range map[string]func(*provider.RefundRequest){
		"no key":       func(r *provider.RefundRequest) { r.Key = "" },
		"no reference": func(r *provider.RefundRequest) { r.Reference = "" },
		"a path":       func(r *provider.RefundRequest) { r.Reference = "../x" },
		"no operation": func(r *provider.RefundRequest) { r.OperationID = "" },
		"no payment":   func(r *provider.RefundRequest) { r.PaymentID = "" },
		"no merchant":  func(r *provider.RefundRequest) { r.MerchantID = "" },
		"nothing":      func(r *provider.RefundRequest) { r.Amount = 0 },
		"a long story": func(r *provider.RefundRequest) { r.Reason = strings.Repeat("\u00e9", 501) },
	} {
		r := refundOf("pi_1")
		change(&r)
		if res := c.Refund(t.Context(), r); res.Outcome != provider.NotSent || res.Err == nil {
			t.Errorf("%s: got %+v, want not_sent", name, res)
		}
	}
	for _, reference := range []string{"", "../x", "re 1"} {
		if res := c.RetrieveRefund(t.Context(), reference); res.Outcome != provider.NotSent {
			t.Errorf("retrieve %q: got %+v, want not_sent", reference, res)
		}
	}
	if len(*lines) != 0 {
		t.Errorf("got requests %q, want none", *lines)
	}
}

func TestEachAnswerToARefundHasOneOutcome(t *testing.T) {
	t.Parallel()
	fault := func(kind, code string) string {
		return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"the provider's own words %s"}}`, kind, code, secret)
	}
	change := func(from, to string) string { return strings.Replace(refundJSON, from, to, 1) }
	for name, tc := range map[string]struct {
		status           int
		body             string
		refund, retrieve provider.Outcome
	}{
		"the refund":             {200, refundJSON, provider.Answered, provider.Answered},
		"of no intent":           {200, change(`"pi_1"`, `null`), provider.Answered, provider.Answered},
		"of another intent":      {200, change(`"pi_1"`, `"pi_2"`), provider.Unknown, provider.Answered},
		"an unknown word":        {200, change("pending", "under_review"), provider.Answered, provider.Answered},
		"an intent":              {200, intentJSON, provider.Unknown, provider.Unknown},
		"no status":              {200, change(`"pending"`, `null`), provider.Unknown, provider.Unknown},
		"no amount":              {200, change(`"amount":500,`, ``), provider.Unknown, provider.Unknown},
		"a negative amount":      {200, change(`500`, `-500`), provider.Unknown, provider.Unknown},
		"a currency that's none": {200, change(`usd`, `us$`), provider.Unknown, provider.Unknown},
		"a path as id":           {200, change(`re_1`, `../x`), provider.Unknown, provider.Unknown},
		"truncated":              {200, refundJSON[:90], provider.Unknown, provider.Unknown},
		"declined":               {402, fault("card_error", "expired_or_canceled_card"), provider.Declined, provider.Unknown},
		"too much":               {400, fault("invalid_request_error", "amount_too_large"), provider.Refused, provider.Refused},
		"no such thing":          {404, fault("invalid_request_error", "resource_missing"), provider.Refused, provider.NotFound},
		"another request":        {400, fault("idempotency_error", ""), provider.Unknown, provider.Unknown},
		"in flight":              {409, fault("invalid_request_error", "lock_timeout"), provider.Unknown, provider.Unknown},
		"a failure":              {500, fault("api_error", ""), provider.Unknown, provider.Unknown},
	} {
		url, _ := answering(t, tc.status, "application/json", tc.body)
		c := client(t, url)
		for i, got := range []provider.Result[provider.Refund]{c.Refund(t.Context(), refundOf("pi_1")), c.RetrieveRefund(t.Context(), "re_1")} {
			want := []provider.Outcome{tc.refund, tc.retrieve}[i]
			if got.Outcome != want || (got.Object != nil) != (want == provider.Answered) {
				t.Errorf("%s: call %d: got %+v, want %s", name, i, got, want)
			}
			if shown := fmt.Sprintf("%v %+v", got.Err, got); strings.Contains(shown, secret) || strings.Contains(shown, "own words") {
				t.Errorf("%s: the result shows what it must not: %s", name, shown)
			}
		}
	}
}

func TestARetrievedRefundMustBeTheOneAskedFor(t *testing.T) {
	t.Parallel()
	url, _ := answering(t, 200, "application/json", refundJSON)
	if res := client(t, url).RetrieveRefund(t.Context(), "re_2"); res.Outcome != provider.Unknown || res.Object != nil {
		t.Errorf("got %+v, want unknown", res)
	}
}
