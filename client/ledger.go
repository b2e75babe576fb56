package payonce

import (
	"context"
	"encoding/json"
	"iter"
	"math/big"
	"net/http"
	"net/url"
	"time"
)

// LedgerEntry is one movement of money in the merchant's book. It is never changed.
type LedgerEntry struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Source    string    `json:"source"` // the capture or refund that it books
	Postings  []Posting `json:"postings"`
	CreatedAt time.Time `json:"created_at"`
}

// Posting moves an amount from one account to another.
type Posting struct {
	Debit    string `json:"debit"`
	Credit   string `json:"credit"`
	Currency string `json:"currency"`
	Amount   int64  `json:"amount"`
}

// Balance is what has moved through one account in one currency. Sums may need more than 64 bits.
type Balance struct {
	Account  string   `json:"account"`
	Currency string   `json:"currency"`
	Debits   *big.Int `json:"debits"`
	Credits  *big.Int `json:"credits"`
	Balance  *big.Int `json:"balance"`
}

// TrialBalance is the whole ledger in one currency. Sum is debits - credits: 0.
type TrialBalance struct {
	Currency string    `json:"currency"`
	Debits   *big.Int  `json:"debits"`
	Credits  *big.Int  `json:"credits"`
	Sum      *big.Int  `json:"sum"`
	Accounts []Balance `json:"accounts"`
}

// LedgerFilter says which entries are listed.
type LedgerFilter struct {
	Range

	Account, Currency string
	Source            string // the id of a capture or of a refund
}

// Discrepancy is something that the provider's book and payonce's disagree on.
type Discrepancy struct {
	ID         string          `json:"id"`
	Kind       string          `json:"kind"`
	Status     string          `json:"status"` // open, resolved
	Operation  string          `json:"operation"`
	PaymentID  string          `json:"payment_id"`
	Details    json.RawMessage `json:"details"`
	Decision   *Decision       `json:"decision"`
	Resolution string          `json:"resolution"` // how it ended
	FoundAt    time.Time       `json:"found_at"`
	ResolvedAt *time.Time      `json:"resolved_at"`
}

// Decision is what a person decided about a discrepancy.
type Decision struct {
	Action    string    `json:"action"`
	Reason    string    `json:"reason"`
	APIKeyID  string    `json:"api_key_id"`
	DecidedAt time.Time `json:"decided_at"`
}

// Resolution decides a discrepancy.
type Resolution struct {
	Action string `json:"action"` // accept_provider_state, mark_failed, noted
	Reason string `json:"reason"` // for the people who read it later
}

// DiscrepancyFilter says which discrepancies are listed.
type DiscrepancyFilter struct {
	Range

	Status          []string // any of them
	Kind, PaymentID string
}

// Balance reads the balances of all accounts.
func (c *Client) Balance(ctx context.Context) ([]Balance, error) {
	all, err := get[page[Balance]](ctx, c, "/v1/balance")
	if err != nil {
		return nil, err
	}
	return all.Data, nil
}

// TrialBalance adds the whole ledger up.
func (c *Client) TrialBalance(ctx context.Context) ([]TrialBalance, error) {
	all, err := get[page[TrialBalance]](ctx, c, "/v1/ledger/trial-balance")
	if err != nil {
		return nil, err
	}
	return all.Data, nil
}

// LedgerEntries lists entries, newest first.
func (c *Client) LedgerEntries(ctx context.Context, f LedgerFilter) iter.Seq2[*LedgerEntry, error] {
	return list[LedgerEntry](ctx, c, "/v1/ledger/entries", f.query("account", f.Account, "currency", f.Currency, "source", f.Source))
}

// Discrepancies lists discrepancies, newest first.
func (c *Client) Discrepancies(ctx context.Context, f DiscrepancyFilter) iter.Seq2[*Discrepancy, error] {
	q := f.query("kind", f.Kind, "payment_id", f.PaymentID)
	add(q, "status", f.Status...)
	return list[Discrepancy](ctx, c, "/v1/discrepancies", q)
}

// GetDiscrepancy reads a discrepancy.
func (c *Client) GetDiscrepancy(ctx context.Context, id string) (*Discrepancy, error) {
	return get[Discrepancy](ctx, c, "/v1/discrepancies/"+url.PathEscape(id))
}

// ResolveDiscrepancy decides a discrepancy.
func (c *Client) ResolveDiscrepancy(ctx context.Context, operation, id string, r Resolution) (*Discrepancy, error) {
	return change[Discrepancy](ctx, c, operation, http.MethodPost, "/v1/discrepancies/"+url.PathEscape(id)+"/resolve", r)
}
