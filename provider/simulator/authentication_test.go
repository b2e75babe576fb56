package simulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
)

// answerPage sends the customer's choice and follows nothing.
func (w world) answerPage(t *testing.T, path, outcome string) (status int, location string) {
	t.Helper()
	form := strings.NewReader(url.Values{"outcome": {outcome}}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+path, form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.server.Client().Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

func TestTheCustomerIsSentBackToTheShop(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[string]struct{ status, redirect string }{
		"succeed": {"succeeded", "&redirect_status=succeeded"},
		"fail":    {"requires_payment_method", "&redirect_status=failed"},
		"leave":   {"requires_action", ""},
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			w := start(t, "")
			c := w.client(t, 10*time.Second)
			ask := authorization("pm_card_authenticationRequired")
			ask.ReturnURL = "https://shop.example:8443/back?order=1"
			res := c.Authorize(t.Context(), ask)
			page := strings.TrimPrefix(res.Object.NextActionURL, w.server.URL)
			shown := w.get(t, page)
			for _, choice := range []string{"Approve", "Decline", "Leave"} {
				if !strings.Contains(shown.body, ">"+choice+"</button>") {
					t.Errorf("the page has no %s: %s", choice, shown.body)
				}
			}
			back := "https://shop.example:8443/back?order=1&payment_intent=" + res.Object.Reference + want.redirect
			for range 2 { // the second comes too late to change anything
				if status, location := w.answerPage(t, page, outcome); status != http.StatusSeeOther || location != back {
					t.Errorf("got %d to %q, want 303 to %q", status, location, back)
				}
			}
			if got := c.Retrieve(t.Context(), res.Object.Reference); got.Object.Status != want.status {
				t.Errorf("got %s, want %s", got.Object.Status, want.status)
			}
			if outcome == "leave" {
				return
			}
			if late, _ := w.answerPage(t, page, "leave"); late != http.StatusSeeOther {
				t.Errorf("leaving afterwards: got %d, want 303", late)
			}
			if shown := w.get(t, page); !strings.Contains(shown.body, "Back to the shop") || strings.Contains(shown.body, "<button") {
				t.Errorf("afterwards the page is %s, want a way back and no choice", shown.body)
			}
		})
	}
}

func TestLeavingWithoutAShopToGoBackToShowsThePage(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	res := w.client(t, 10*time.Second).Authorize(t.Context(), authorization("pm_card_authenticationRequired"))
	page := strings.TrimPrefix(res.Object.NextActionURL, w.server.URL)
	if status, location := w.answerPage(t, page, "leave"); status != http.StatusOK || location != "" {
		t.Errorf("got %d to %q, want the page", status, location)
	}
}

func TestACustomerIsOnlySentBackToAWebAddress(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	for _, address := range []string{
		"javascript:alert(1)", "shop", "//shop.example", "https://user@shop.example", "https://a;b.example", "https://:1", "ftp://shop.example",
	} {
		got := w.post(t, secret, "k", intents, form("return_url", address, "payment_method", "pm_card_authenticationRequired"))
		if got.status != 400 || !strings.Contains(got.body, "url_invalid") {
			t.Errorf("%s: got %+v, want 400", address, got)
		}
	}
}

func TestTheCustomersPageHasTheAddressThatBrowsersSee(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Open(simulator.Config{PublicURL: "https://bank.example:9443/"})
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, sim)
	ask := authorization("pm_card_authenticationRequired")
	ask.ReturnURL = "http://127.0.0.1:1/back"
	res := w.client(t, 10*time.Second).Authorize(t.Context(), ask)
	if want := "https://bank.example:9443/simulator/authenticate/" + res.Object.Reference; res.Object.NextActionURL != want {
		t.Errorf("got %s, want %s", res.Object.NextActionURL, want)
	}
	if res.Outcome != provider.Answered {
		t.Errorf("got %+v, want answered", res)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/simulator/authenticate/"+res.Object.Reference, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := w.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer shown.Body.Close()
	if policy := shown.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "form-action 'self' http://127.0.0.1:1") {
		t.Errorf("got the policy %q, want one that lets the form lead back to the shop", policy)
	}
}
