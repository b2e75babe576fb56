package main

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/bojanz/currency"
	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the test's own row

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/stores"
)

// In every currency that there is: an order that is accepted can be paid.
func TestACurrencyThatCannotBePaidIsRefusedWhenTheOrderIsMade(t *testing.T) {
	t.Parallel()
	s := startService(t, map[string]string{"RATE_LIMIT": "off"})
	refused := 0
	for _, code := range currency.GetCurrencyCodes() {
		made := s.do(t, call{method: "POST", path: "/v1/orders", key: "order-" + code, body: `{"amount":1000,"currency":"` + code + `"}`})
		if made.status == 201 {
			paid := s.pay(t, "pay-"+code, made.text(t, "id"), "pm_card_visa")
			if paid.status != 201 || paid.text(t, "status") != "succeeded" || paid.field(t, "amount_captured") != 1000.0 {
				t.Errorf("%s: the order was accepted, its payment was not: got %d %s, want 201", code, paid.status, paid.body)
			}
			continue
		}
		refused++
		if field, code := made.refusedField(t); field != "/currency" || code != "currency_not_supported" {
			t.Errorf("%s: got %d %s; want 422 with the pointer /currency", code, made.status, made.body)
		}
	}
	if refused != 3 {
		t.Errorf("got %d currencies that can't be paid, want 3", refused)
	}
}

// refusedField is the pointer and the code of the one value that was not acceptable.
func (a answer) refusedField(t *testing.T) (pointer, code string) {
	t.Helper()
	errors, _ := a.field(t, "errors").([]any)
	if a.status != 422 || a.text(t, "code") != "validation-failed" || len(errors) != 1 {
		return fmt.Sprint(a.status, " ", a.body), ""
	}
	first, _ := errors[0].(map[string]any)
	return fmt.Sprint(first["pointer"]), fmt.Sprint(first["code"])
}

// The provider's book counts in the provider's unit, payonce in ISO 4217's minor unit: 0, 2, 3 and 4 digits, and those that differ.
func TestAnAmountIsTheSameMoneyAtTheProvider(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for code, c := range map[string]struct{ amount, charged int64 }{
		"JPY": {500, 500}, "EUR": {1999, 1999}, "KWD": {5120, 5120}, "BHD": {10, 10}, "CLF": {12345, 12345}, "UYW": {1, 1}, // as they are
		"ISK": {500, 50000}, "UGX": {7, 700}, "MGA": {1500, 15}, // counted otherwise there
		"HUF": {1045, 1045}, "TWD": {12345, 12345}, // special for payouts only
		"USD": {999_999_999_999, 999_999_999_999}, "VND": {999_999_999_999, 999_999_999_999},
	} {
		order := s.do(t, call{method: "POST", path: "/v1/orders", key: code, body: fmt.Sprintf(`{"amount":%d,"currency":%q}`, c.amount, code)})
		held := s.do(t, call{method: "POST", path: "/v1/payments", key: "pay-" + code, body: `{"order_id":"` + order.text(t, "id") + `","payment_method":"pm_card_visa","capture_method":"manual"}`})
		id := held.text(t, "id")
		if held.status != 201 || held.text(t, "status") != "requires_capture" || !strings.Contains(held.body, fmt.Sprintf(`"amount_authorized":%d,`, c.amount)) {
			t.Errorf("%s: got %d %s; want %d held", code, held.status, held.body, c.amount)
			continue
		}
		captured := s.do(t, call{method: "POST", path: "/v1/payments/" + id + "/capture", key: "capture-" + code, body: `{}`})
		if captured.status != 200 || !strings.Contains(captured.body, fmt.Sprintf(`"amount_captured":%d,`, c.amount)) {
			t.Errorf("%s: captured: got %d %s; want all of %d", code, captured.status, captured.body, c.amount)
		}
		refunded := s.do(t, call{method: "POST", path: "/v1/payments/" + id + "/refunds", key: "refund-" + code, body: `{}`})
		if refunded.status != 201 || refunded.text(t, "status") != "succeeded" || !strings.Contains(refunded.body, fmt.Sprintf(`"amount":%d,`, c.amount)) {
			t.Errorf("%s: refunded: got %d %s; want all of %d", code, refunded.status, refunded.body, c.amount)
		}
		found := false
		for _, charge := range s.Simulator.Charges() {
			if strings.EqualFold(charge.Currency, code) {
				found = charge.Amount == c.charged
			}
		}
		if !found {
			t.Errorf("%s: got the charges %v, want one of %d", code, s.Simulator.Charges(), c.charged)
		}
	}
}

func TestAnAmountThatTheProviderCannotTakeIsRefusedBeforeItIsAsked(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for body, want := range map[string]string{
		`{"amount":5124,"currency":"KWD"}`: "/amount amount_not_supported", `{"amount":1,"currency":"TND"}`: "/amount amount_not_supported",
		`{"amount":550,"currency":"MGA"}`:                                                       "/amount amount_not_supported",
		`{"currency":"JOD","items":[{"name":"a","quantity":3,"unit_amount":5}]}`:                "/items amount_not_supported",
		`{"amount":10000000000,"currency":"ISK"}`:                                               "/amount amount_not_supported", // 13 digits there
		`{"amount":9223372036854775807,"currency":"EUR"}`:                                       "/amount amount_out_of_range",
		`{"currency":"EUR","items":[{"name":"a","quantity":1,"unit_amount":9007199254740993}]}`: "/items amount_out_of_range",
		`{"amount":1000,"currency":"IQD"}`:                                                      "/currency currency_not_supported", `{"amount":1000,"currency":"UYI"}`: "/currency currency_not_supported",
		`{"amount":1,"currency":"eur"}`: "/currency unknown_currency", `{"amount":1,"currency":"Isk"}`: "/currency unknown_currency",
		`{"amount":1,"currency":"EURO"}`: "/currency unknown_currency", `{"amount":1,"currency":""}`: "/currency unknown_currency",
	} {
		got := s.do(t, call{method: "POST", path: "/v1/orders", key: uuid.NewString(), body: body})
		if pointer, code := got.refusedField(t); pointer+" "+code != want {
			t.Errorf("%s: got %s %s, want %s", body, pointer, code, want)
		}
		for meant, written := range map[string]string{"EUR": `"eur"`, "ISK": `"Isk"`} {
			if hinted := strings.Contains(got.body, "did you mean "+meant+"?"); hinted != strings.Contains(body, written) {
				t.Errorf("%s: got %s; a hint at %s: %t", body, got.body, meant, hinted)
			}
		}
	}
	order := s.do(t, call{method: "POST", path: "/v1/orders", key: "kwd", body: `{"amount":5120,"currency":"KWD"}`})
	held := s.do(t, call{method: "POST", path: "/v1/payments", key: "pay", body: `{"order_id":"` + order.text(t, "id") + `","payment_method":"pm_card_visa","capture_method":"manual"}`})
	payment := "/v1/payments/" + held.text(t, "id")
	for _, ask := range []call{
		{path: payment + "/capture", body: `{"amount":124,"final":false}`},
		{path: payment + "/capture", body: `{"amount":120,"final":false}`},
		{path: payment + "/refunds", body: `{"amount":15}`},
		{path: payment + "/refunds", body: `{"amount":20}`},
	} {
		ask.method, ask.key = "POST", uuid.NewString()
		got := s.do(t, ask)
		pointer, code := "", ""
		if got.status == 422 {
			pointer, code = got.refusedField(t)
		}
		if divisible := strings.Contains(ask.body, "20"); divisible != (got.status/100 == 2) || !divisible && pointer+code != "/amountamount_not_supported" {
			t.Errorf("%s %s: got %d %s; want it to be refused with 422 at /amount unless it is a multiple of 10", ask.path, ask.body, got.status, got.body)
		}
	}
}

// An earlier release accepted such orders.
func TestAnOrderThatCannotBePaidIsRefusedAtPayment(t *testing.T) {
	t.Parallel()
	url := stores.Database(t)
	s := startService(t, map[string]string{"DATABASE_URL": url})
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for code, want := range map[string]string{"LYD": "currency_not_supported", "KWD": "amount_not_supported"} {
		id := uuid.New()
		if _, err := db.ExecContext(t.Context(), `INSERT INTO orders (merchant_id, id, currency, amount_total)
			SELECT merchant_id, $1, $2, 501 FROM api_keys WHERE id = $3`, id, code, s.keyID); err != nil {
			t.Fatal(err)
		}
		got := s.pay(t, code, models.FormatID(models.PrefixOrder, id), "pm_card_visa")
		if got.status != 422 || got.text(t, "code") != "provider-rejected" || !strings.Contains(got.body, want) {
			t.Errorf("%s: got %d %s, want 422 provider-rejected with %s", code, got.status, got.body, want)
		}
	}
	if charges := s.Simulator.Charges(); len(charges) != 0 {
		t.Errorf("got the charges %v, want none", charges)
	}
}
