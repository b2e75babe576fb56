package repository_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

// book is a merchant with 6,000 entries in euro, and under all of them, the oldest, one in dinar and one in yen. A second merchant
// has the same in dinar alone.
func book(t *testing.T) (ledger *repository.Ledger, merchant uuid.UUID) {
	t.Helper()
	db, err := postgres.Open(stores.Database(t), postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	merchants := repository.NewMerchants(db.GORM())
	for _, entries := range []string{
		`SELECT CASE g WHEN 1 THEN 'KWD' WHEN 2 THEN 'JPY' ELSE 'EUR' END, g FROM generate_series(1, 6000) g`,
		`SELECT 'KWD', g FROM generate_series(1, 6000) g`,
	} {
		made, err := merchants.Create(t.Context(), "Ada")
		if err != nil {
			t.Fatal(err)
		}
		if merchant == uuid.Nil {
			merchant = made.ID
		}
		statement := strings.ReplaceAll(`WITH e (currency, g) AS MATERIALIZED (`+entries+`), row AS MATERIALIZED (SELECT e.*, gen_random_uuid() AS id FROM e),
			accounts AS (INSERT INTO ledger_accounts SELECT DISTINCT MERCHANT::uuid, md5(MERCHANT::text || code || currency)::uuid, code, currency
				FROM e, unnest(ARRAY['provider_clearing', 'merchant_payable']) code),
			entries AS (INSERT INTO ledger_entries SELECT MERCHANT::uuid, id, 'capture', gen_random_uuid(), '2026-01-01'::timestamptz + g * interval '1 s' FROM row)
			INSERT INTO ledger_postings SELECT MERCHANT::uuid, id, 1, md5(MERCHANT::text || 'provider_clearing' || currency)::uuid,
				md5(MERCHANT::text || 'merchant_payable' || currency)::uuid, currency, g FROM row`, "MERCHANT", "'"+made.ID.String()+"'")
		err = db.GORM().WithContext(t.Context()).Transaction(func(tx *gorm.DB) error {
			return errors.Join(tx.Exec("SET LOCAL statement_timeout = 0").Error, tx.Exec(statement).Error)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return repository.NewLedger(db), merchant
}

func TestLedgerEntriesInARareCurrencyAreFoundBelowAllOthers(t *testing.T) {
	t.Parallel()
	ledger, merchant := book(t)
	at := func(second int) time.Time {
		return time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC)
	}
	clearing, payable := repository.AccountClearing, repository.AccountPayable
	for name, c := range map[string]struct {
		account, currency string
		page              repository.Page
		want              string // the amounts, newest first; each entry has its number as its amount
	}{
		"all":                         {"", "", repository.Page{Limit: 2}, "[6000 5999 5998]"},
		"a common currency":           {"", "EUR", repository.Page{Limit: 2}, "[6000 5999 5998]"},
		"a rare currency":             {"", "KWD", repository.Page{Limit: 2}, "[1]"},
		"an account":                  {clearing, "", repository.Page{Limit: 2}, "[6000 5999 5998]"},
		"an account, rare":            {payable, "JPY", repository.Page{Limit: 2}, "[2]"},
		"a currency without accounts": {"", "USD", repository.Page{Limit: 2}, "[]"},
		"an account without entries":  {"fees", "", repository.Page{Limit: 2}, "[]"},
		"rare, after the newest":      {"", "KWD", repository.Page{Limit: 2, From: at(2)}, "[]"},
		"rare, before it":             {"", "KWD", repository.Page{Limit: 2, Until: at(2)}, "[1]"},
		"rare, a page further":        {"", "JPY", repository.Page{Limit: 2, BeforeAt: at(2), BeforeID: uuid.Nil}, "[]"},
		"the end of an account":       {clearing, "", repository.Page{Limit: 5, BeforeAt: at(4), BeforeID: uuid.Nil}, "[3 2 1]"},
		"a common one, by time":       {payable, "EUR", repository.Page{Limit: 5, From: at(10), Until: at(12)}, "[11 10]"},
	} {
		filter := repository.EntryFilter{}
		if c.account != "" {
			filter.Account = &c.account
		}
		if c.currency != "" {
			filter.Currency = &c.currency
		}
		entries, err := ledger.Entries(t.Context(), merchant, filter, c.page)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		amounts := []int64{}
		for _, entry := range entries {
			if len(entry.Postings) != 1 || entry.Postings[0].Debit != clearing || entry.Postings[0].Credit != payable {
				t.Errorf("%s: got the postings %v of an entry, want one from clearing to payable", name, entry.Postings)
				continue
			}
			amounts = append(amounts, entry.Postings[0].Amount)
		}
		if got := fmt.Sprint(amounts); got != c.want {
			t.Errorf("%s: got the entries %s, want %s", name, got, c.want)
		}
	}
}

func TestLedgerEntriesOfASourceAreThoseOfItsKind(t *testing.T) {
	t.Parallel()
	ledger, merchant := book(t)
	newest, err := ledger.Entries(t.Context(), merchant, repository.EntryFilter{}, repository.Page{Limit: 1})
	if err != nil || len(newest) != 2 {
		t.Fatalf("got %d entries, %v; want 2", len(newest), err)
	}
	source, other := newest[0].SourceID, "KWD"
	for _, c := range []struct {
		filter repository.EntryFilter
		want   int
	}{
		{repository.EntryFilter{Kind: models.LedgerCapture, SourceID: &source}, 1},
		{repository.EntryFilter{Kind: models.LedgerRefund, SourceID: &source}, 0},
		{repository.EntryFilter{Kind: models.LedgerCapture, SourceID: &source, Currency: &other}, 0},
	} {
		if got, err := ledger.Entries(t.Context(), merchant, c.filter, repository.Page{Limit: 5}); err != nil || len(got) != c.want {
			t.Errorf("kind %s: got %d entries, %v; want %d", c.filter.Kind, len(got), err, c.want)
		}
	}
}
