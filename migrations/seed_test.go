package migrations_test

import (
	"slices"
	"testing"

	"github.com/bojanz/currency"
	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/stores"
)

func TestTheCurrenciesAreThoseOfTheLibrary(t *testing.T) {
	t.Parallel()
	db := open(t, stores.Database(t))
	var want []models.Currency
	for _, code := range slices.Sorted(slices.Values(currency.GetCurrencyCodes())) {
		exponent, ok := models.CurrencyByCode(code)
		if !ok {
			t.Fatalf("models does not know %s", code)
		}
		want = append(want, models.Currency{
			Code: code, Exponent: exponent, MinAmount: models.MinAmount, MaxAmount: models.MaxAmount,
		})
	}
	rows, err := db.QueryContext(t.Context(), `SELECT code, exponent, min_amount, max_amount FROM currencies ORDER BY code COLLATE "C"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []models.Currency
	for rows.Next() {
		var c models.Currency
		if err := rows.Scan(&c.Code, &c.Exponent, &c.MinAmount, &c.MaxAmount); err != nil {
			t.Fatal(err)
		}
		got = append(got, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("write a migration for what differs (-library +database):\n%s", diff)
	}
}

func TestThePaymentTransitionsAreThoseOfTheModel(t *testing.T) {
	t.Parallel()
	db := open(t, stores.Database(t))
	// The states come from the CHECK, so that a state added there alone fails here.
	states := column[string](t, db, `
		SELECT (regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+)''', 'g'))[1]
		  FROM pg_constraint WHERE conname = 'payments_status'`)
	if len(states) != 8 {
		t.Fatalf("payments_status lists %q, want 8 states", states)
	}
	var want []string
	for _, from := range states {
		for _, to := range states {
			if models.PaymentStatus(from).CanBecome(models.PaymentStatus(to)) {
				want = append(want, from+" -> "+to)
			}
		}
	}
	slices.Sort(want)
	got := column[string](t, db, `SELECT from_status || ' -> ' || to_status FROM payment_transitions`)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("model and database differ (-model +database):\n%s", diff)
	}
}
