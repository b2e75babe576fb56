package models

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// anyAmount draws the corners as often as the rest.
func anyAmount() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{
		math.MinInt64, math.MinInt64 + 1, -1, 0, 1, MaxAmount, math.MaxInt64 - 1, math.MaxInt64,
	}))
}

func TestMoneyIsExactOrTooLarge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyAmount().Draw(t, "a"), anyAmount().Draw(t, "b")
		bigA, bigB := big.NewInt(a), big.NewInt(b)
		sum, err := Money{a, "USD"}.Add(Money{b, "USD"})
		exact(t, "sum", sum, err, new(big.Int).Add(bigA, bigB))
		product, err := Money{a, "USD"}.Mul(b)
		exact(t, "product", product, err, new(big.Int).Mul(bigA, bigB))
	})
}

// The most negative int64 counts as too large as a product: no amount is ever that.
func exact(t *rapid.T, what string, got Money, err error, want *big.Int) {
	fits := want.IsInt64() && (what == "sum" || want.Int64() != math.MinInt64)
	switch {
	case fits && (err != nil || got != Money{want.Int64(), "USD"}):
		t.Fatalf("%s = %+v, %v; want %d", what, got, err, want)
	case !fits && !errors.Is(err, ErrAmountTooLarge):
		t.Fatalf("%s = %+v, %v; want ErrAmountTooLarge for %d", what, got, err, want)
	}
}

func TestOnlyOneCurrencyIsAdded(t *testing.T) {
	t.Parallel()
	_, err := Money{1, "USD"}.Add(Money{1, "EUR"})
	if mismatch, ok := errors.AsType[CurrencyMismatchError](err); !ok || mismatch != (CurrencyMismatchError{Have: "USD", Want: "EUR"}) {
		t.Errorf("1 USD + 1 EUR gave %v", err)
	}
}

func TestCurrenciesHaveTheirISOExponent(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{"JPY": 0, "USD": 2, "EUR": 2, "KWD": 3, "CLF": 4} {
		if got, ok := CurrencyByCode(code); !ok || got != want {
			t.Errorf("%s: exponent %d, %t; want %d", code, got, ok, want)
		}
	}
	for _, code := range []string{"", "usd", "US", "USDX", "ZZZ", " USD", "XXX"} {
		if _, ok := CurrencyByCode(code); ok {
			t.Errorf("%q is taken for a currency", code)
		}
	}
}

func TestAmountsAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount int64
		want   error
	}{
		{math.MinInt64, ErrAmountTooSmall},
		{-1, ErrAmountTooSmall},
		{0, ErrAmountTooSmall},
		{1, nil},
		{999_999_999_999, nil},
		{1_000_000_000_000, ErrAmountTooLarge},
		{math.MaxInt64, ErrAmountTooLarge},
	} {
		if err := CheckAmount(c.amount, "JPY"); !errors.Is(err, c.want) {
			t.Errorf("CheckAmount(%d) = %v, want %v", c.amount, err, c.want)
		}
	}
	err := CheckAmount(1, "usd")
	if unknown, ok := errors.AsType[UnknownCurrencyError](err); !ok || unknown.Code != "usd" {
		t.Errorf("CheckAmount in usd = %v, want an UnknownCurrencyError", err)
	}
}
