package main

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
)

type orderInput struct {
	Currency string `json:"currency" binding:"required,len=3"`
	Amount   int64  `json:"amount" binding:"required,min=1"`
}

// createOrder is the handler that one writes first: bind, a transaction, render.
func (p *plain) createOrder(c *gin.Context) error {
	var in orderInput
	if err := json.Unmarshal(middleware.BodyOf(c), &in); err != nil {
		return err
	}
	if err := models.CheckAmount(in.Amount, in.Currency); err != nil {
		return err
	}
	order := models.Order{
		MerchantID: middleware.IdentityOf(c).Merchant, ID: models.NewID(), Currency: in.Currency, AmountTotal: in.Amount,
		Status: models.OrderPendingPayment, Metadata: models.JSON("{}"), Version: 1, CreatedAt: now(),
	}
	document, err := wire.NewOrder(&order)
	if err != nil {
		return err
	}
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	err = p.orm.WithContext(c.Request.Context()).Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&order).Error; err != nil {
			return err
		}
		return tx.Create(event(c, order.MerchantID, "order.created", wire.TypeOrder, order.ID, order.Version, body)).Error
	})
	if err == nil {
		c.Header("Location", wire.OrderPath(document.ID))
		c.Data(http.StatusCreated, jsonType, body)
	}
	return err
}
