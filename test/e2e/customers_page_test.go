package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// The simulator inside listens for this machine only; behind a balancer or in a container a browser reaches the API alone.
func TestTheCustomersPageIsOnTheAPIsListenerOnceItHasAPublicAddress(t *testing.T) {
	t.Parallel()
	const public = "http://shop.example:8080"
	for address, status := range map[string]int{public: http.StatusOK, "": http.StatusNotFound} {
		s := service.Start(t, service.Options{Env: map[string]string{
			"PROVIDER_URL": "", "PROVIDER_SECRET_KEY": "", "SIMULATOR_PUBLIC_URL": address,
		}})
		c := s.NewMerchant()
		payment := c.Pay(c.CreateOrder(), "pm_card_authenticationRequired", "challenged")
		service.Wants(t, "the payment", payment, http.StatusCreated, "")
		var body struct {
			NextAction struct {
				RedirectURL string `json:"redirect_url"`
			} `json:"next_action"`
		}
		payment.JSON(t, &body)
		page := body.NextAction.RedirectURL
		at := strings.Index(page, "/simulator/authenticate/pi_")
		if at < 0 || (address != "" && page[:at] != address) {
			t.Fatalf("SIMULATOR_PUBLIC_URL=%s: got the page %q, want one there", address, page)
		}
		if got, shown := visit(t, s.URL()+page[at:]); got != status || (got == http.StatusOK) != strings.Contains(shown, ">Approve</button>") {
			t.Errorf("SIMULATOR_PUBLIC_URL=%s: got %d %s, want %d", address, got, shown, status)
		}
	}
}

// visit opens a page as a browser does.
func visit(t *testing.T, address string) (status int, page string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
