package models

import (
	"errors"
	"math/big"
	"regexp"
	"testing"
)

// FuzzMoney holds the arithmetic to math/big: a result is exact, or it is refused.
func FuzzMoney(f *testing.F) {
	const largest = 1<<63 - 1
	for _, seed := range [][2]int64{
		{0, 0},
		{1, -1},
		{largest, 1},
		{-largest - 1, -1},
		{-largest - 1, 1},
		{largest, largest},
		{3037000500, 3037000500},
		{1 << 32, 1 << 31},
		{MaxAmount, MaxAmount},
		{1999, 3},
		{-largest - 1, -largest - 1},
	} {
		f.Add(seed[0], seed[1], "EUR", "EUR")
	}
	f.Add(int64(1), int64(1), "EUR", "eur")
	f.Add(int64(0), MaxAmount+1, "JPY", "XXX")
	code := regexp.MustCompile(`^[A-Z]{3}$`)
	f.Fuzz(func(t *testing.T, a, b int64, one, other string) {
		bigA, bigB := big.NewInt(a), big.NewInt(b)
		sum, err := Money{a, one}.Add(Money{b, other})
		if one != other {
			if _, ok := errors.AsType[CurrencyMismatchError](err); !ok || sum != (Money{}) {
				t.Fatalf("%q and %q were added: %v, %v", one, other, sum, err)
			}
		} else {
			checkExact(t, sum, err, new(big.Int).Add(bigA, bigB), one, true)
		}
		product, err := Money{a, one}.Mul(b)
		checkExact(t, product, err, new(big.Int).Mul(bigA, bigB), one, false)
		_, known := CurrencyByCode(one)
		if known && !code.MatchString(one) {
			t.Errorf("%q is taken for a currency", one)
		}
		if err := CheckAmount(a, one); (err == nil) != (known && a >= 1 && a <= MaxAmount) {
			t.Errorf("CheckAmount(%d, %q) = %v", a, one, err)
		}
	})
}

// checkExact: the most negative int64 may also be refused, as a product; no amount is ever that.
func checkExact(t *testing.T, got Money, err error, want *big.Int, code string, sum bool) {
	t.Helper()
	if err == nil {
		if big.NewInt(got.Amount).Cmp(want) != 0 || got.Currency != code {
			t.Errorf("got %+v, want %d %s", got, want, code)
		}
		return
	}
	mayRefuse := !want.IsInt64() || !sum && want.Int64() == -1<<63
	if !errors.Is(err, ErrAmountTooLarge) || !mayRefuse || got != (Money{}) {
		t.Errorf("got %+v, %v, want %d", got, err, want)
	}
}
