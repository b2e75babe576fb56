package wire

import (
	"math/big"

	"github.com/payonce/payonce/models"
)

// LedgerEntry is one movement of money in the merchant's book. It is never changed or deleted.
type LedgerEntry struct {
	ID        string    `json:"id" example:"le_01jd8x7w4n9q2m5k3r6t8v0y1z"`
	Kind      string    `json:"kind" enums:"capture,refund,fee,adjustment" example:"capture"`
	Source    string    `json:"source" example:"cap_3h2v9c1m8x4r7t0k5w6z1b2d3f"` // the capture or refund that it books
	Postings  []Posting `json:"postings"`
	CreatedAt string    `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
}

// Posting moves an amount from one account to another. It names both sides, so an entry balances by construction.
type Posting struct {
	Debit    string `json:"debit" example:"provider_clearing"`
	Credit   string `json:"credit" example:"merchant_payable"`
	Currency string `json:"currency" example:"EUR"`
	Amount   int64  `json:"amount" format:"int64" example:"1999" minimum:"1"` // minor units
}

// NewLedgerEntry renders a row, for now without its postings.
func NewLedgerEntry(e *models.LedgerEntry) LedgerEntry {
	return LedgerEntry{
		ID: models.FormatID(models.PrefixLedgerEntry, e.ID), Kind: string(e.Kind), Source: models.FormatID(SourcePrefix(e.Kind), e.SourceID),
		Postings: []Posting{}, CreatedAt: Time(e.CreatedAt),
	}
}

// SourcePrefix is that of the ids of what entries of a kind book; "" where a kind has no resource of its own.
func SourcePrefix(kind models.LedgerKind) string {
	switch kind {
	case models.LedgerCapture:
		return models.PrefixCapture
	case models.LedgerRefund:
		return models.PrefixRefund
	case models.LedgerFee, models.LedgerAdjustment:
	}
	return ""
}

// Balance is what has moved through one account of the merchant's ledger in one currency, in minor units. Sums are exact, also
// where they need more than the 64 bits of their format: from 92 quadrillion euro on.
type Balance struct {
	Account  string   `json:"account" example:"merchant_payable"`
	Currency string   `json:"currency" example:"EUR"`
	Debits   *big.Int `json:"debits" swaggertype:"integer" format:"int64" example:"0"`
	Credits  *big.Int `json:"credits" swaggertype:"integer" format:"int64" example:"1999"`
	Balance  *big.Int `json:"balance" swaggertype:"integer" format:"int64" example:"1999"` // credits - debits of a liability, debits - credits of an asset
}

// NewBalance renders the sums of an account; debit-normal accounts are assets.
func NewBalance(account, currency string, debits, credits *big.Int, debitNormal bool) Balance {
	balance := new(big.Int).Sub(credits, debits)
	if debitNormal {
		balance.Neg(balance)
	}
	return Balance{Account: account, Currency: currency, Debits: debits, Credits: credits, Balance: balance}
}

// TrialBalance is the whole ledger in one currency: every account, and the proof that the two sides agree.
type TrialBalance struct {
	Currency string    `json:"currency" example:"EUR"`
	Debits   *big.Int  `json:"debits" swaggertype:"integer" format:"int64" example:"1999"`
	Credits  *big.Int  `json:"credits" swaggertype:"integer" format:"int64" example:"1999"`
	Sum      *big.Int  `json:"sum" swaggertype:"integer" format:"int64" example:"0"` // debits - credits: 0 at every moment
	Accounts []Balance `json:"accounts"`
}

// NewTrialBalances groups the sums of accounts by currency, in the order in which the currencies come.
func NewTrialBalances(balances []Balance) []TrialBalance {
	all, at := []TrialBalance{}, map[string]int{}
	for _, b := range balances {
		i, known := at[b.Currency]
		if !known {
			i = len(all)
			at[b.Currency] = i
			all = append(all, TrialBalance{Currency: b.Currency, Debits: new(big.Int), Credits: new(big.Int), Sum: new(big.Int)})
		}
		total := &all[i]
		total.Accounts = append(total.Accounts, b)
		total.Debits.Add(total.Debits, b.Debits)
		total.Credits.Add(total.Credits, b.Credits)
		total.Sum.Sub(total.Debits, total.Credits)
	}
	return all
}
