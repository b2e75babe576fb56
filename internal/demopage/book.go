package demopage

import (
	"context"
	"errors"
	"time"

	"github.com/payonce/payonce/internal/naive"
)

// Charge is a charge in the provider's book.
type Charge struct {
	Payment  string // that it was made for, as the service called it
	Merchant string
}

// Book is what the page has to know to count charges.
type Book interface {
	// Since lists the charges that were made at or after a time.
	Since(began time.Time) []Charge
	// OrderOf is the order that one of payonce's payments is for. [ErrNoPayment]: there is no such payment.
	OrderOf(ctx context.Context, payment string) (order string, err error)
}

// ErrNoPayment means that a charge stands in the provider's book whose payment stands nowhere.
var ErrNoPayment = errors.New("there is no such payment")

// book is how many charges were made for a purchase.
type book struct {
	Protected   int `json:"protected"`
	Unprotected int `json:"unprotected"`
}

// count reads the provider's book: a service's own tables are what is in doubt. A charge of payonce's without a payment
// can't be assigned to a purchase, so it counts for every one that was on sale.
func (p *Page) count(ctx context.Context, s *session) {
	of := s.sells()
	if of.Began.IsZero() {
		return
	}
	var now book
	for _, c := range p.Book.Since(of.Began) {
		switch {
		case naive.Pays(c.Payment, of.Unprotected):
			now.Unprotected++
		case c.Merchant == p.Merchant.Account:
			order, err := p.orderOf(ctx, c.Payment)
			if err != nil && !errors.Is(err, ErrNoPayment) {
				return // counted the next time
			}
			if err != nil || order == of.Protected {
				now.Protected++
			}
		}
	}
	s.count(of, now)
}

// orderOf asks once per payment: its order never changes.
func (p *Page) orderOf(ctx context.Context, payment string) (order string, err error) {
	if known, ok := p.orders.Load(payment); ok {
		order, _ = known.(string)
		return order, nil
	}
	if order, err = p.Book.OrderOf(ctx, payment); err == nil {
		p.orders.Store(payment, order)
	}
	return order, err
}
