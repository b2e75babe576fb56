package simulator_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// asked is a row of /simulator/faults.
type asked struct {
	Operation string `json:"operation"`
	Fault     string `json:"fault"`
	Times     int    `json:"times"`
}

// choose makes the next calls of an operation go wrong.
func (w world) choose(t *testing.T, operation, fault string, times int) {
	t.Helper()
	body := fmt.Sprintf(`{"operation":%q,"fault":%q,"times":%d}`, operation, fault, times)
	if got := w.json(t, http.MethodPost, "application/json", body); got.status != http.StatusOK {
		t.Fatalf("choose %s: %+v", body, got)
	}
}

func (w world) json(t *testing.T, method, contentType, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+"/simulator/faults", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	return w.do(t, "", req)
}

func TestAChosenFaultIsForTheNextCallsOfItsOperation(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	c := w.client(t, 10*time.Second)
	w.choose(t, "charge", "error_then_ok", 2)
	w.choose(t, "charge", "declined", 1)
	w.choose(t, "refund", "error_stored", 1)
	ask := authorization("pm_card_visa")
	for call, want := range []provider.Outcome{provider.Unknown, provider.Unknown, provider.Declined, provider.Declined} {
		if res := c.Authorize(t.Context(), ask); res.Outcome != want {
			t.Fatalf("call %d: got %+v, want %s", call, res, want)
		}
	}
	ask.Key = "another"
	res := c.Authorize(t.Context(), ask)
	if res.Outcome != provider.Answered {
		t.Fatalf("when none is left: got %+v, want answered", res)
	}
	if left := rows[asked](t, w, "/simulator/faults"); !slices.Equal(left, []asked{{"refund", "error_stored", 1}}) {
		t.Errorf("left: got %+v, want the refund's", left)
	}
	if got := w.json(t, http.MethodDelete, "", ""); got.status != http.StatusOK || !strings.Contains(got.body, `"data":[]`) {
		t.Errorf("taken back: got %+v, want none", got)
	}
	back := provider.RefundRequest{
		Currency: "USD",
		Key:      "r", Reference: res.Object.Reference, Amount: 1, OperationID: "re_1", PaymentID: "pay_1", MerchantID: "mer_1",
	}
	if got := c.Refund(t.Context(), back); got.Outcome != provider.Answered {
		t.Errorf("refund: got %+v, want answered", got)
	}
}

func TestAFaultThatIsNoneCannotBeChosen(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	for name, tc := range map[string]struct {
		contentType, body string
		status            int
	}{
		"another site's form":   {"text/plain", `{"operation":"charge","fault":"declined"}`, 415},
		"no JSON":               {"application/json", `operation=charge`, 400},
		"unknown member":        {"application/json", `{"operation":"charge","fault":"declined","colour":"red"}`, 400},
		"no operation":          {"application/json", `{"fault":"declined"}`, 400},
		"unknown operation":     {"application/json", `{"operation":"payout","fault":"declined"}`, 400},
		"no fault":              {"application/json", `{"operation":"charge"}`, 400},
		"unknown fault":         {"application/json", `{"operation":"charge","fault":"sometimes"}`, 400},
		"a cancellation's sum":  {"application/json", `{"operation":"cancel","fault":"wrong_amount"}`, 400},
		"a capture that waits":  {"application/json", `{"operation":"capture","fault":"pending_then_failed_5"}`, 400},
		"never":                 {"application/json", `{"operation":"charge","fault":"declined","times":0}`, 400},
		"more than can be":      {"application/json", `{"operation":"charge","fault":"declined","times":1000001}`, 400},
		"slower than a minute":  {"application/json", `{"operation":"charge","fault":"slow_60001"}`, 400},
		"slow without a number": {"application/json", `{"operation":"charge","fault":"slow_"}`, 400},
		"once, by default":      {"application/json; charset=utf-8", `{"operation":"charge","fault":"slow_1"}`, 200},
	} {
		if got := w.json(t, http.MethodPost, tc.contentType, tc.body); got.status != tc.status {
			t.Errorf("%s: got %+v, want %d", name, got, tc.status)
		}
	}
	if left := rows[asked](t, w, "/simulator/faults"); !slices.Equal(left, []asked{{"charge", "slow_1", 1}}) {
		t.Errorf("got %+v, want one, once", left)
	}
}

func TestAPaymentMethodThatNamesNoFaultOfALaterOperationDoesNotExist(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	for _, method := range []string{"pm_sim_refund_", "pm_sim_refund_sometimes", "pm_sim_cancel_wrong_amount", "pm_sim_charge_declined", "pm_sim_capture_pending_then_failed_1"} {
		if res := w.client(t, 10*time.Second).Authorize(t.Context(), authorization(method)); res.Outcome != provider.Refused || res.Code != "resource_missing" {
			t.Errorf("%s: got %+v, want refused", method, res)
		}
	}
}
