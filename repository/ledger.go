package repository

import (
	"context"
	"fmt"
	"math/big"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Ledger is each merchant's double-entry book. Nothing in it is ever changed or deleted; triggers say so.
type Ledger struct{ db *gorm.DB }

// NewLedger returns the repository.
func NewLedger(db *postgres.Database) *Ledger { return &Ledger{db.Patient()} }

// The accounts that payments move money between.
const (
	AccountClearing = "provider_clearing" // what the provider holds for the merchant: an asset, debited by captures
	AccountPayable  = "merchant_payable"  // what is owed to the merchant: a liability, credited by captures
)

// Accounts are all of them.
func Accounts() []string { return []string{AccountClearing, AccountPayable} }

// DebitNormal reports whether an account is an asset: its balance is what it was debited more than credited.
func DebitNormal(account string) bool { return account == AccountClearing }

// Post queues an entry with one posting that debits one account and credits another, so it balances by construction.
// The accounts are made when they are missing; their ids are derived, so that two makers make the same ones.
func (r *Ledger) Post(tx *postgres.Tx, entry models.LedgerEntry, debit, credit string, amount models.Money) {
	debitID, creditID := accountID(entry.MerchantID, debit, amount.Currency), accountID(entry.MerchantID, credit, amount.Currency)
	tx.Insert("make the accounts", `INSERT INTO ledger_accounts (merchant_id, id, code, currency)
		VALUES ($1, $2, $3, $6), ($1, $4, $5, $6) ON CONFLICT DO NOTHING`,
		entry.MerchantID, debitID, debit, creditID, credit, amount.Currency)
	tx.Insert("insert the ledger entry", `INSERT INTO ledger_entries (merchant_id, id, kind, source_id) VALUES ($1, $2, $3, $4)`,
		entry.MerchantID, entry.ID, string(entry.Kind), entry.SourceID)
	tx.Insert("insert the posting", `INSERT INTO ledger_postings (merchant_id, entry_id, line, debit_account_id, credit_account_id,
		currency, amount) VALUES ($1, $2, 1, $3, $4, $5, $6)`,
		entry.MerchantID, entry.ID, debitID, creditID, amount.Currency, amount.Amount)
}

func accountID(merchant uuid.UUID, code, currency string) uuid.UUID {
	return idempotency.UUIDFrom("payonce/ledger-account/v1", merchant[:], []byte(code), []byte(currency))
}

// Balance is what has moved through one account in one currency, in minor units. A sum of many amounts may need more than 64 bits.
type Balance struct {
	Account  string
	Currency string
	Debits   *big.Int
	Credits  *big.Int
}

// Balances sums a merchant's postings per account and currency. It is one statement, so one snapshot: debits and credits, each
// added up by itself, agree at every moment.
func (r *Ledger) Balances(ctx context.Context, merchant uuid.UUID) ([]Balance, error) {
	var sums []struct{ Account, Currency, Debits, Credits string }
	err := r.db.WithContext(ctx).Raw(`WITH moved AS MATERIALIZED (
			SELECT debit_account_id, credit_account_id, sum(amount) AS amount FROM ledger_postings WHERE merchant_id = ? GROUP BY 1, 2)
		SELECT a.code AS account, a.currency,
			coalesce((SELECT sum(amount) FROM moved WHERE debit_account_id = a.id), 0)::text AS debits,
			coalesce((SELECT sum(amount) FROM moved WHERE credit_account_id = a.id), 0)::text AS credits
		FROM ledger_accounts a WHERE a.merchant_id = ? ORDER BY a.code, a.currency`, merchant, merchant).Scan(&sums).Error
	if err != nil {
		return nil, postgres.ReadError("sum the ledger", err)
	}
	balances := make([]Balance, 0, len(sums))
	for _, sum := range sums {
		debits, okDebits := new(big.Int).SetString(sum.Debits, 10)
		credits, okCredits := new(big.Int).SetString(sum.Credits, 10)
		if !okDebits || !okCredits {
			return nil, fmt.Errorf("sum the ledger: %q and %q are not whole numbers", sum.Debits, sum.Credits)
		}
		balances = append(balances, Balance{sum.Account, sum.Currency, debits, credits})
	}
	return balances, nil
}
