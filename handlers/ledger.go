package handlers

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// Ledger are the routes /v1/balance and those under /v1/ledger.
type Ledger struct {
	ledger  *repository.Ledger
	cursors *cursor.Codec
}

// NewLedger returns the handlers.
func NewLedger(ledger *repository.Ledger, cursors *cursor.Codec) *Ledger {
	return &Ledger{ledger, cursors}
}

// BalanceList is the merchant's ledger, summed per account and currency.
type BalanceList struct {
	Data []wire.Balance `json:"data"`
}

// TrialBalanceList is the merchant's ledger, summed per currency.
type TrialBalanceList struct {
	Data []wire.TrialBalance `json:"data"`
}

// Balance shows the merchant's balances.
//
//	@Summary		Read the balances
//	@Description	Sums the merchant's ledger per account and currency, in minor units.
//	@Tags			Ledger
//	@ID				getBalance
//	@Produce		json
//	@Success		200	{object}	BalanceList
//	@Router			/v1/balance [get]
func (h *Ledger) Balance(c *gin.Context) error {
	balances, err := h.balances(c)
	if err != nil {
		return err
	}
	return reply(c, BalanceList{balances})
}

// TrialBalance shows that the two sides of the ledger agree.
//
//	@Summary		Read the trial balance
//	@Description	Sums all debits and all credits of the ledger per currency, in one snapshot. Their difference, sum, is 0 at every moment, also while payments and refunds run.
//	@Tags			Ledger
//	@ID				getTrialBalance
//	@Produce		json
//	@Success		200	{object}	TrialBalanceList
//	@Router			/v1/ledger/trial-balance [get]
func (h *Ledger) TrialBalance(c *gin.Context) error {
	balances, err := h.balances(c)
	if err != nil {
		return err
	}
	return reply(c, TrialBalanceList{wire.NewTrialBalances(balances)})
}

func (h *Ledger) balances(c *gin.Context) ([]wire.Balance, error) {
	if err := noQuery(c); err != nil {
		return nil, err
	}
	rows, err := h.ledger.Balances(c.Request.Context(), middleware.IdentityOf(c).Merchant)
	if err != nil {
		return nil, err
	}
	balances := make([]wire.Balance, 0, len(rows))
	for _, row := range rows {
		balances = append(balances, wire.NewBalance(row.Account, row.Currency, row.Debits, row.Credits, repository.DebitNormal(row.Account)))
	}
	return balances, nil
}

// Entries lists the merchant's ledger.
//
//	@Summary		List ledger entries
//	@Description	Lists the movements of money in the merchant's book, newest first. Every capture and every refund has one entry; a posting debits one account and credits another.
//	@Tags			Ledger
//	@ID				listLedgerEntries
//	@Produce		json
//	@Param			account		query		string	false	"Only entries that debit or credit this account"	Enums(provider_clearing, merchant_payable)
//	@Param			currency	query		string	false	"Only entries in this currency"						example(EUR)
//	@Param			source		query		string	false	"Only the entry of this capture or refund"
//	@Success		200			{object}	List[wire.LedgerEntry]
//	@Router			/v1/ledger/entries [get]
func (h *Ledger) Entries(c *gin.Context) error {
	return listing[repository.LedgerEntry, wire.LedgerEntry]{
		name: "ledger_entries", filters: []string{"account", "currency", "source"},
		read: func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]repository.LedgerEntry, error) {
			filter, err := entryFilter(q)
			if err != nil {
				return nil, err
			}
			return h.ledger.Entries(ctx, merchant, filter, q.Page)
		},
		position: func(e *repository.LedgerEntry) (time.Time, uuid.UUID) { return e.CreatedAt, e.ID },
		render:   newLedgerEntry,
	}.serve(c, h.cursors)
}

// entryFilter reads the filters of entries. What could never match is refused.
func entryFilter(q listQuery) (filter repository.EntryFilter, err error) {
	filter.Account, filter.Currency = q.text("account"), q.text("currency")
	if filter.Account != nil && !slices.Contains(repository.Accounts(), *filter.Account) {
		return filter, &ParameterError{"account", "must be one of " + strings.Join(repository.Accounts(), ", ")}
	}
	if filter.Currency != nil {
		if _, known := models.CurrencyByCode(*filter.Currency); !known {
			return filter, &ParameterError{"currency", "is not an ISO 4217 code in upper case"}
		}
	}
	source := q.text("source")
	if source == nil {
		return filter, nil
	}
	for _, kind := range []models.LedgerKind{models.LedgerCapture, models.LedgerRefund} {
		if id, err := models.ParseID(wire.SourcePrefix(kind), *source); err == nil {
			filter.Kind, filter.SourceID = kind, &id
			return filter, nil
		}
	}
	return filter, &ParameterError{"source", "must be the id of a capture (cap_…) or of a refund (re_…)"}
}

func newLedgerEntry(e *repository.LedgerEntry) (wire.LedgerEntry, error) {
	document := wire.NewLedgerEntry(&e.LedgerEntry)
	for _, p := range e.Postings {
		document.Postings = append(document.Postings, wire.Posting{Debit: p.Debit, Credit: p.Credit, Currency: p.Currency, Amount: p.Amount})
	}
	return document, nil
}
