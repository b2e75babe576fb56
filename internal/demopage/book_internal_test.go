package demopage

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/payonce/payonce/middleware"
)

// shelf is a provider's book, and the payments that payonce knows.
type shelf struct {
	charges []Charge
	orders  map[string]string // by payment
	away    error
	asked   int
}

func (s *shelf) Since(time.Time) []Charge { return s.charges }

func (s *shelf) OrderOf(_ context.Context, payment string) (string, error) {
	s.asked++
	if order, ok := s.orders[payment]; ok || s.away != nil {
		return order, s.away
	}
	return "", ErrNoPayment
}

func openPage(of *shelf) (*Page, *session) {
	w := NewWatch()
	s := w.open()
	s.begin(purchase{Protected: "ord_ours", Unprotected: "ord_PLAIN", Began: time.Now()})
	return New(w, Config{Merchant: middleware.Identity{Account: "mer_demo"}, Book: of}), s
}

func TestChargesAreCountedByTheProvidersBookAlone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		charges []Charge
		want    book
	}{
		"none":                        {nil, book{}},
		"one":                         {[]Charge{{"pay_1", "mer_demo"}}, book{Protected: 1}},
		"two of one payment":          {[]Charge{{"pay_1", "mer_demo"}, {"pay_1", "mer_demo"}}, book{Protected: 2}},
		"of another order":            {[]Charge{{"pay_2", "mer_demo"}}, book{}},
		"of another merchant":         {[]Charge{{"pay_1", "mer_other"}}, book{}},
		"without a payment":           {[]Charge{{"pay_1", "mer_demo"}, {"pay_lost", "mer_demo"}}, book{Protected: 2}},
		"without protection":          {[]Charge{{"pay_PLAIN_a", "x"}, {"pay_PLAIN_b", "x"}}, book{Unprotected: 2}},
		"of another plain order":      {[]Charge{{"pay_PLAINER_a", "x"}, {"pay_OTHER_a", "x"}}, book{}},
		"of both, and of many others": {[]Charge{{"pay_PLAIN_a", "x"}, {"pay_1", "mer_demo"}, {"pay_2", "mer_demo"}}, book{1, 1}},
	} {
		p, s := openPage(&shelf{charges: test.charges, orders: map[string]string{"pay_1": "ord_ours", "pay_2": "ord_other"}})
		p.count(t.Context(), s)
		if s.counted != test.want {
			t.Errorf("%s: got %+v, want %+v", name, s.counted, test.want)
		}
	}
}

func TestACountWaitsForADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	of := &shelf{charges: []Charge{{"pay_1", "mer_demo"}}, orders: map[string]string{"pay_1": "ord_ours"}, away: errors.New("away")}
	p, s := openPage(of)
	p.count(t.Context(), s)
	if s.counted != (book{}) {
		t.Errorf("while it is away: got %+v, want nothing yet", s.counted)
	}
	of.away = nil
	for range 3 {
		p.count(t.Context(), s)
	}
	if s.counted.Protected != 1 || of.asked != 2 {
		t.Errorf("afterwards: got %+v after %d questions, want one charge, and one question more", s.counted, of.asked)
	}
}
