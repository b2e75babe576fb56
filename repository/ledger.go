package repository

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/models"
)

// Ledger is each merchant's double-entry book. Nothing in it is ever changed or deleted; triggers say so.
type Ledger struct{ db *gorm.DB }

// NewLedger returns the repository.
func NewLedger(db *Database) *Ledger { return &Ledger{db.gorm} }

// The accounts that payments move money between.
const (
	AccountClearing = "provider_clearing" // what the provider holds for the merchant: an asset, debited by captures
	AccountPayable  = "merchant_payable"  // what is owed to the merchant: a liability, credited by captures
)

// Post queues an entry with one posting that debits one account and credits another, so it balances by construction.
// The accounts are made when they are missing; their ids are derived, so that two makers make the same ones.
func (r *Ledger) Post(u *Unit, entry models.LedgerEntry, debit, credit string, amount models.Money) {
	debitID, creditID := accountID(entry.MerchantID, debit, amount.Currency), accountID(entry.MerchantID, credit, amount.Currency)
	u.Insert("make the accounts", `INSERT INTO ledger_accounts (merchant_id, id, code, currency)
		VALUES ($1, $2, $3, $6), ($1, $4, $5, $6) ON CONFLICT DO NOTHING`,
		entry.MerchantID, debitID, debit, creditID, credit, amount.Currency)
	u.Insert("insert the ledger entry", `INSERT INTO ledger_entries (merchant_id, id, kind, source_id) VALUES ($1, $2, $3, $4)`,
		entry.MerchantID, entry.ID, string(entry.Kind), entry.SourceID)
	u.Insert("insert the posting", `INSERT INTO ledger_postings (merchant_id, entry_id, line, debit_account_id, credit_account_id,
		currency, amount) VALUES ($1, $2, 1, $3, $4, $5, $6)`,
		entry.MerchantID, entry.ID, debitID, creditID, amount.Currency, amount.Amount)
}

func accountID(merchant uuid.UUID, code, currency string) uuid.UUID {
	return models.DerivedID("payonce/ledger-account/v1", merchant[:], []byte(code), []byte(currency))
}

// Balance is what has moved through one account in one currency, in minor units.
type Balance struct {
	Account  string
	Currency string
	Debits   int64
	Credits  int64
}

// Balances sums a merchant's postings per account and currency.
func (r *Ledger) Balances(ctx context.Context, merchant uuid.UUID) ([]Balance, error) {
	balances := []Balance{}
	err := r.db.WithContext(ctx).Raw(`SELECT a.code AS account, a.currency, coalesce(sum(side.debit), 0)::bigint AS debits,
			coalesce(sum(side.credit), 0)::bigint AS credits
		FROM ledger_accounts a LEFT JOIN (
			SELECT merchant_id, debit_account_id AS account_id, amount AS debit, 0 AS credit FROM ledger_postings WHERE merchant_id = ?
			UNION ALL
			SELECT merchant_id, credit_account_id, 0, amount FROM ledger_postings WHERE merchant_id = ?
		) side ON side.merchant_id = a.merchant_id AND side.account_id = a.id
		WHERE a.merchant_id = ? GROUP BY a.code, a.currency ORDER BY a.code, a.currency`, merchant, merchant, merchant).
		Scan(&balances).Error
	if err != nil {
		return nil, unavailable("sum the ledger", err)
	}
	return balances, nil
}
