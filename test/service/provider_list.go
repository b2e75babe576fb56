package service

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
)

// FailLookUps lets everything that reads at the provider end with 500, or no longer.
func (s *Simulator) FailLookUps(fail bool) { s.mu.Lock(); defer s.mu.Unlock(); s.failing = fail }

func (s *Simulator) fails() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.failing }

// AddDeclined adds n declined intents of others to the provider's list: they move no money, and have to be read.
func (s *Simulator) AddDeclined(n int) {
	s.t.Helper()
	for i := range n {
		form := url.Values{
			"amount": {"100"}, "currency": {"eur"}, "confirm": {"true"}, "payment_method": {"pm_card_chargeDeclined"},
			"metadata[payment_id]": {fmt.Sprint("pay_of_others_", i)},
		}
		req := httptest.NewRequest(http.MethodPost, "/v1/payment_intents", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", "Bearer "+providerKey)
		recorder := httptest.NewRecorder()
		s.sim.Handler().ServeHTTP(recorder, req)
		if recorder.Code != http.StatusPaymentRequired {
			s.t.Fatalf("the provider's list can't be filled: %d %s", recorder.Code, recorder.Body)
		}
	}
}

// Intents is how many intents there are, charged or not.
func (s *Simulator) Intents() int { return len(s.list("?all=true")) }
