package handlers

import (
	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/wire"
)

// Balances is the route /v1/balance.
type Balances struct{ ledger *repository.Ledger }

// NewBalances returns the handler.
func NewBalances(ledger *repository.Ledger) *Balances { return &Balances{ledger} }

// BalanceList is the merchant's ledger, summed per account and currency.
type BalanceList struct {
	Data []wire.Balance `json:"data"`
}

// Get shows the merchant's balances.
//
//	@Summary		Read the balances
//	@Description	Sums the merchant's ledger per account and currency, in minor units.
//	@Tags			Balance
//	@ID				getBalance
//	@Produce		json
//	@Success		200	{object}	BalanceList
//	@Router			/v1/balance [get]
func (h *Balances) Get(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	rows, err := h.ledger.Balances(c.Request.Context(), middleware.IdentityOf(c).Merchant)
	if err != nil {
		return err
	}
	list := BalanceList{Data: make([]wire.Balance, 0, len(rows))}
	for _, row := range rows {
		list.Data = append(list.Data, wire.NewBalance(row.Account, row.Currency, row.Debits, row.Credits, row.Account == repository.AccountClearing))
	}
	return reply(c, list)
}
