package handlers

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/strictjson"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
)

// FuzzOrderTotal: whatever a client sends for an order, what it costs is exactly what was asked for, or it is refused. Money
// that wraps around, or is rounded, would show here.
func FuzzOrderTotal(f *testing.F) {
	for _, seed := range []string{
		`{"amount":1999,"currency":"EUR"}`, `{"currency":"JPY","items":[{"name":"a","quantity":2,"unit_amount":350},{"name":"b","quantity":1,"unit_amount":0}]}`,
		`{"amount":700,"currency":"EUR","items":[{"name":"a","quantity":2,"unit_amount":350}]}`, `{"amount":0,"currency":"EUR"}`,
		`{"currency":"EUR","items":[{"name":"a","quantity":9223372036854775807,"unit_amount":9223372036854775807}]}`,
		`{"currency":"EUR","items":[{"name":"a","quantity":4294967296,"unit_amount":4294967296},{"name":"a","quantity":1,"unit_amount":1}]}`,
		`{"currency":"EUR","items":[{"name":"a","quantity":1,"unit_amount":9223372036854775807},{"name":"b","quantity":1,"unit_amount":9223372036854775807},{"name":"c","quantity":1,"unit_amount":3}]}`,
		`{"amount":-9223372036854775808,"currency":"EUR"}`, `{"amount":999999999999,"currency":"KWD","reference":"r","metadata":{"a":"4242424242424242"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in CreateOrder
		if err := strictjson.Decode(body, &in); err != nil {
			return
		}
		order, err := in.order(uuid.UUID{1})
		if err != nil {
			checkRefused(t, err)
			return
		}
		want, ok := cost(in)
		if !ok || want.Cmp(big.NewInt(order.AmountTotal)) != 0 || order.AmountTotal < 1 || order.AmountTotal > models.MaxAmount {
			t.Fatalf("%s costs %d, not %d", body, order.AmountTotal, want)
		}
		if _, known := models.CurrencyByCode(order.Currency); !known || order.MerchantID != (uuid.UUID{1}) {
			t.Errorf("%s made %+v", body, order)
		}
		document, err := wire.NewOrder(order)
		if err != nil || len(document.Items) != len(in.Items) || !json.Valid(document.Metadata) {
			t.Errorf("%s is shown as %+v, %v", body, document, err)
		}
	})
}

// cost is what the client asked to pay: the amount, and with items their sum, which has to be the same.
func cost(in CreateOrder) (*big.Int, bool) {
	sum := new(big.Int)
	for _, item := range in.Items {
		if item.Quantity < 1 || item.UnitAmount == nil || *item.UnitAmount < 0 {
			return nil, false
		}
		sum.Add(sum, new(big.Int).Mul(big.NewInt(item.Quantity), big.NewInt(*item.UnitAmount)))
	}
	if in.Amount == nil {
		return sum, len(in.Items) > 0
	}
	amount := big.NewInt(*in.Amount)
	return amount, len(in.Items) == 0 || amount.Cmp(sum) == 0
}

// checkRefused: every reason is one that a client can read, and none is the program's.
func checkRefused(t *testing.T, err error) {
	t.Helper()
	wrong, ok := errors.AsType[*ValidationError](err)
	if !ok || len(wrong.Fields) == 0 {
		t.Fatalf("refused with %v", err)
	}
	for _, field := range wrong.Fields {
		if field.Code == "" || field.Detail == "" || len(field.Detail) > 300 || !utf8.ValidString(field.Detail) || !strings.HasPrefix(field.Pointer, "/") {
			t.Errorf("refused with %+v", field)
		}
	}
}
