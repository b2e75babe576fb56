package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// object is what these tests read of an intent or a refund.
type object struct {
	ID               string
	Status           string
	Amount           int64
	AmountCapturable int64 `json:"amount_capturable"`
	AmountReceived   int64 `json:"amount_received"`
	Metadata         map[string]string
	NextAction       *struct {
		RedirectToURL struct{ URL string } `json:"redirect_to_url"`
	} `json:"next_action"`
}

func (a answer) object(t *testing.T) object {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(a.body), &o); err != nil || a.status != http.StatusOK {
		t.Fatalf("%+v: %v", a, err)
	}
	return o
}

func TestAnAuthorizationIsCapturedInPartsAndTheRestReleased(t *testing.T) {
	t.Parallel()
	w := start(t, t.TempDir())
	held := w.post(t, secret, "a", intents, form("capture_method", "manual")).object(t)
	path := intents + "/" + held.ID + "/capture"
	part := url.Values{"amount_to_capture": {"500"}, "final_capture": {"false"}, "metadata[operation_id]": {"cap_1"}}
	got := w.post(t, secret, "c1", path, part).object(t)
	if got.Status != "requires_capture" || got.AmountReceived != 500 || got.AmountCapturable != 1499 ||
		got.Metadata["operation_id"] != "cap_1" || got.Metadata["payment_id"] != "pay_1" {
		t.Fatalf("part: %+v", got)
	}
	if again := w.post(t, secret, "c1", path, part); !again.replayed {
		t.Fatalf("the same capture again: %+v", again)
	}
	if much := w.post(t, secret, "c2", path, url.Values{"amount_to_capture": {"1500"}}); !strings.Contains(much.body, "amount_too_large") {
		t.Fatalf("too much: %+v", much)
	}
	got = w.post(t, secret, "c3", path, url.Values{"amount_to_capture": {"100"}}).object(t)
	if got.Status != "succeeded" || got.AmountReceived != 600 || got.AmountCapturable != 0 {
		t.Fatalf("final: %+v", got)
	}
	if late := w.post(t, secret, "c4", path, url.Values{}); !strings.Contains(late.body, "payment_intent_unexpected_state") {
		t.Fatalf("after the end: %+v", late)
	}
}

func TestACanceledAuthorizationHoldsNothing(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	held := w.post(t, secret, "a", intents, form("capture_method", "manual")).object(t)
	path := intents + "/" + held.ID + "/cancel"
	if got := w.post(t, secret, "v", path, url.Values{}).object(t); got.Status != "canceled" || got.AmountCapturable != 0 {
		t.Fatalf("cancel: %+v", got)
	}
	if n := len(w.charges(t, "")); n != 0 {
		t.Fatalf("%d charges", n)
	}
	if again := w.post(t, secret, "v2", path, url.Values{}); !strings.Contains(again.body, "payment_intent_unexpected_state") {
		t.Fatalf("again: %+v", again)
	}
	if other := w.post(t, "sk_test_another", "v", path, url.Values{}); other.status != http.StatusNotFound {
		t.Fatalf("another account: %+v", other)
	}
}

func TestRefundsNeverExceedWhatWasReceived(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := start(t, dir)
	paid := w.post(t, secret, "a", intents, form()).object(t)
	ask := func(amount string) url.Values {
		return url.Values{"payment_intent": {paid.ID}, "amount": {amount}, "metadata[operation_id]": {"re_1"}}
	}
	if got := w.post(t, secret, "r1", "/v1/refunds", ask("1500")).object(t); got.Status != "succeeded" || got.Amount != 1500 {
		t.Fatalf("refund: %+v", got)
	}
	if much := w.post(t, secret, "r2", "/v1/refunds", ask("500")); much.status != 400 {
		t.Fatalf("too much: %+v", much)
	}
	copied, _ := copyBook(t, dir)
	after := start(t, copied)
	rest := after.post(t, secret, "r3", "/v1/refunds", url.Values{"payment_intent": {paid.ID}}).object(t)
	if rest.Amount != 499 {
		t.Fatalf("rest: %+v", rest)
	}
	if got := after.get(t, "/v1/refunds/"+rest.ID).object(t); got.ID != rest.ID {
		t.Fatalf("get: %+v", got)
	}
	page := after.get(t, "/v1/refunds?limit=1&payment_intent="+paid.ID)
	if !strings.Contains(page.body, rest.ID) || !strings.Contains(page.body, `"has_more":true`) {
		t.Fatalf("list: %+v", page)
	}
	page = after.get(t, "/v1/refunds?payment_intent="+paid.ID+"&starting_after="+rest.ID)
	if strings.Contains(page.body, rest.ID) || !strings.Contains(page.body, `"amount":1500`) {
		t.Fatalf("next page: %+v", page)
	}
}

func TestListsArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	var ids []string
	for range 5 {
		ids = append(ids, w.post(t, secret, "", intents, form()).object(t).ID)
	}
	var seen []string
	query := "?limit=2"
	for range 3 {
		var page struct {
			Data    []object
			HasMore bool `json:"has_more"`
		}
		if err := json.Unmarshal([]byte(w.get(t, intents+query).body), &page); err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Data {
			seen = append(seen, o.ID)
		}
		if page.HasMore != (len(seen) < 5) {
			t.Fatalf("has_more = %v after %d", page.HasMore, len(seen))
		}
		query = "?limit=2&starting_after=" + seen[len(seen)-1]
	}
	for i, id := range ids {
		if len(seen) != 5 || seen[4-i] != id {
			t.Fatalf("seen %v, made %v", seen, ids)
		}
	}
	if none := w.get(t, intents+"?created[gte]=99999999999"); !strings.Contains(none.body, `"data":[]`) {
		t.Fatalf("later than now: %+v", none)
	}
	if none := w.get(t, intents+"?created[lte]=1000000000"); !strings.Contains(none.body, `"data":[]`) {
		t.Fatalf("earlier than all: %+v", none)
	}
	if all := w.get(t, intents+"?created[gte]=1000000000&created[lte]=99999999999"); strings.Count(all.body, `"object":"payment_intent"`) != 5 {
		t.Fatalf("all: %+v", all)
	}
	for _, wrong := range []string{"?limit=0", "?limit=101", "?limit=x", "?colour=red", "?starting_after=pi_none", "?created[gte]=x"} {
		if got := w.get(t, intents+wrong); got.status != http.StatusBadRequest {
			t.Errorf("%s: %+v", wrong, got)
		}
	}
}

func TestTheCustomerDecidesOnThePage(t *testing.T) {
	t.Parallel()
	for outcome, status := range map[string]string{"succeed": "succeeded", "fail": "requires_payment_method"} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			w := start(t, "")
			c := w.client(t, 10*time.Second)
			res := c.Authorize(t.Context(), authorization("pm_card_authenticationRequired"))
			if res.Outcome != provider.Answered || res.Object.Status != "requires_action" || res.Object.NextActionURL == "" {
				t.Fatalf("%+v %+v", res, res.Object)
			}
			if n := len(w.charges(t, "")); n != 0 {
				t.Fatalf("%d charges before the payer decided", n)
			}
			page := strings.TrimPrefix(res.Object.NextActionURL, w.server.URL)
			if shown := w.get(t, page); shown.status != 200 || !strings.Contains(shown.body, `value="succeed"`) {
				t.Fatalf("page: %+v", shown)
			}
			if wrong := w.post(t, "", "", page, url.Values{"outcome": {"perhaps"}}); wrong.status != 400 {
				t.Fatalf("wrong outcome: %+v", wrong)
			}
			w.post(t, "", "", page, url.Values{"outcome": {outcome}})
			w.post(t, "", "", page, url.Values{"outcome": {"succeed"}}) // too late to change it
			got := c.Retrieve(t.Context(), res.Object.Reference)
			if got.Object.Status != status || got.Object.NextActionURL != "" {
				t.Fatalf("%+v", got.Object)
			}
			if outcome == "fail" && got.Object.Code != "payment_intent_authentication_failure" {
				t.Fatalf("code: %+v", got.Object)
			}
		})
	}
}
