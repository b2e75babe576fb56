package repository

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// recentEntries is how many of the newest entries are tried against a filter before the postings are asked by currency.
const recentEntries = 5000

// LedgerEntry is an entry with its postings.
type LedgerEntry struct {
	models.LedgerEntry
	Postings []Posting
}

// Posting is a posting with the names of its accounts.
type Posting struct {
	EntryID       uuid.UUID
	Debit, Credit string
	Currency      string
	Amount        int64
}

// EntryFilter narrows the list of entries; a nil field does not.
type EntryFilter struct {
	Account, Currency *string           // of any posting of the entry
	Kind              models.LedgerKind // with SourceID
	SourceID          *uuid.UUID
}

// Entries reads a page of a merchant's entries, newest first.
func (r *Ledger) Entries(ctx context.Context, merchant uuid.UUID, filter EntryFilter, page Page) ([]LedgerEntry, error) {
	db := r.db.WithContext(ctx)
	query := db.Model(&models.LedgerEntry{}).Where("merchant_id = ?", merchant)
	if filter.SourceID != nil {
		query = query.Where("kind = ? AND source_id = ?", string(filter.Kind), *filter.SourceID)
	}
	var entries []models.LedgerEntry
	var err error
	if filter.Account == nil && filter.Currency == nil {
		entries, err = list[models.LedgerEntry](query, page)
	} else {
		entries, err = r.touching(db, query, merchant, filter, page)
	}
	if err != nil {
		return nil, err
	}
	return withPostings(db, merchant, entries)
}

// touching lists the entries with a posting in the accounts of the filter. A currency can be that of nearly all entries, or of
// one in a million, and PostgreSQL can't know which it is for this merchant. So the newest entries are tried first; when they
// don't fill the page the currency is a rare one, and its postings are asked for.
func (r *Ledger) touching(db, query *gorm.DB, merchant uuid.UUID, filter EntryFilter, page Page) ([]models.LedgerEntry, error) {
	accounts, err := r.accounts(db, merchant, filter)
	if err != nil || len(accounts.ids) == 0 {
		return nil, err
	}
	touched := db.Table("ledger_postings p").Select("p.entry_id").
		Where("p.merchant_id = ? AND p.currency IN ? AND (p.debit_account_id IN ? OR p.credit_account_id IN ?)",
			merchant, accounts.currencies, accounts.ids, accounts.ids)
	recent := newest(query.Session(&gorm.Session{}), page).Limit(recentEntries).Session(&gorm.Session{})
	entries, err := list[models.LedgerEntry](db.Table("(?) AS recent", recent).
		Where("EXISTS (?)", touched.Session(&gorm.Session{}).Where("p.entry_id = recent.id")), Page{Limit: page.Limit})
	if err != nil || len(entries) > page.Limit {
		return entries, err
	}
	var tried int64
	if err := db.Table("(?) AS recent", recent).Count(&tried).Error; err != nil {
		return nil, postgres.ReadError("count the entries", err)
	}
	if tried < recentEntries {
		return entries, nil // there are no others
	}
	// MATERIALIZED keeps PostgreSQL from walking all entries after all.
	named := db.Raw("WITH named AS MATERIALIZED (?) SELECT entry_id FROM named", touched)
	return list[models.LedgerEntry](query.Session(&gorm.Session{}).Where("id IN (?)", named), page)
}

type accountSet struct {
	ids        []uuid.UUID
	currencies []string
}

// accounts are those that the filter names.
func (r *Ledger) accounts(db *gorm.DB, merchant uuid.UUID, filter EntryFilter) (set accountSet, err error) {
	query := db.Where("merchant_id = ?", merchant)
	if filter.Account != nil {
		query = query.Where("code = ?", *filter.Account)
	}
	if filter.Currency != nil {
		query = query.Where("currency = ?", *filter.Currency)
	}
	var accounts []models.LedgerAccount
	if err := query.Find(&accounts).Error; err != nil {
		return set, postgres.ReadError("find the accounts", err)
	}
	for _, account := range accounts {
		set.ids, set.currencies = append(set.ids, account.ID), append(set.currencies, account.Currency)
	}
	return set, nil
}

// withPostings reads the postings of a page. They were committed together with their entries, and nothing changes them.
func withPostings(db *gorm.DB, merchant uuid.UUID, entries []models.LedgerEntry) ([]LedgerEntry, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	ids, at := make([]uuid.UUID, len(entries)), make(map[uuid.UUID]int, len(entries))
	full := make([]LedgerEntry, len(entries))
	for i, entry := range entries {
		ids[i], at[entry.ID], full[i].LedgerEntry = entry.ID, i, entry
	}
	var postings []Posting
	err := db.Raw(`SELECT p.entry_id, d.code AS debit, c.code AS credit, p.currency, p.amount FROM ledger_postings p
		JOIN ledger_accounts d ON d.merchant_id = p.merchant_id AND d.id = p.debit_account_id
		JOIN ledger_accounts c ON c.merchant_id = p.merchant_id AND c.id = p.credit_account_id
		WHERE p.merchant_id = ? AND p.entry_id IN ? ORDER BY p.entry_id, p.line`, merchant, ids).Scan(&postings).Error
	if err != nil {
		return nil, postgres.ReadError("read the postings", err)
	}
	for _, posting := range postings {
		entry := &full[at[posting.EntryID]]
		entry.Postings = append(entry.Postings, posting)
	}
	return full, nil
}
