package models

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/bojanz/currency"
)

// Bounds of an amount that a client may name, in minor units. They leave room in int64 for millions of such sums.
const (
	MinAmount int64 = 1
	MaxAmount int64 = 999_999_999_999
)

var (
	// ErrAmountTooLarge means that an amount is above its limit, or that a sum or product does not fit.
	ErrAmountTooLarge = errors.New("amount too large")
	// ErrAmountTooSmall means that an amount is below one minor unit.
	ErrAmountTooSmall = errors.New("amount too small")
)

// Currency is a row of currencies: what Postgres knows of an ISO 4217 currency.
type Currency struct {
	Code      string `gorm:"primaryKey"`
	Exponent  int    // digits after the decimal point: JPY 0, USD 2, KWD 3, CLF 4
	MinAmount int64  // minor units
	MaxAmount int64  // minor units
}

// Money is an amount in the minor unit of its currency. It is never a float.
type Money struct {
	Amount   int64
	Currency string // ISO 4217, upper case
}

// UnknownCurrencyError says which code no currency has.
type UnknownCurrencyError struct{ Code string }

func (e UnknownCurrencyError) Error() string {
	return fmt.Sprintf("unknown currency %.20q: use an ISO 4217 code in upper case, for instance USD", e.Code)
}

// CurrencyMismatchError says which two currencies were added.
type CurrencyMismatchError struct{ Have, Want string }

func (e CurrencyMismatchError) Error() string {
	return fmt.Sprintf("cannot add %.20q to %.20q: convert one of them first", e.Want, e.Have)
}

// Add returns the sum, [ErrAmountTooLarge] when it does not fit int64, or a [CurrencyMismatchError].
func (m Money) Add(other Money) (Money, error) {
	if m.Currency != other.Currency {
		return Money{}, CurrencyMismatchError{Have: m.Currency, Want: other.Currency}
	}
	sum := m.Amount + other.Amount
	// Two's complement: the sum overflowed if both terms have the sign that the sum has not.
	if (m.Amount^sum)&(other.Amount^sum) < 0 {
		return Money{}, fmt.Errorf("%w: %d + %d does not fit 64 bits", ErrAmountTooLarge, m.Amount, other.Amount)
	}
	return Money{Amount: sum, Currency: m.Currency}, nil
}

// Mul returns the amount times n, or [ErrAmountTooLarge] when the product does not fit int64.
func (m Money) Mul(n int64) (Money, error) {
	high, low := bits.Mul64(magnitude(m.Amount), magnitude(n))
	if high != 0 || low > math.MaxInt64 {
		return Money{}, fmt.Errorf("%w: %d x %d does not fit 64 bits", ErrAmountTooLarge, m.Amount, n)
	}
	return Money{Amount: m.Amount * n, Currency: m.Currency}, nil
}

// magnitude is the absolute value, which for the smallest int64 only an unsigned number can hold.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// CurrencyByCode returns how many digits the minor unit has. Codes are ISO 4217 in upper case; ok is false for others.
func CurrencyByCode(code string) (exponent int, ok bool) {
	digits, ok := currency.GetDigits(code)
	return int(digits), ok
}

// CheckAmount returns nil for an amount that an order may have: [MinAmount] to [MaxAmount] minor units of a known
// currency. Otherwise [UnknownCurrencyError], [ErrAmountTooSmall] or [ErrAmountTooLarge].
func CheckAmount(amount int64, code string) error {
	if _, ok := CurrencyByCode(code); !ok {
		return UnknownCurrencyError{Code: code}
	}
	if amount < MinAmount {
		return fmt.Errorf("%w: %d %s; the least is %d minor unit", ErrAmountTooSmall, amount, code, MinAmount)
	}
	if amount > MaxAmount {
		return fmt.Errorf("%w: %d %s; the most is %d minor units", ErrAmountTooLarge, amount, code, MaxAmount)
	}
	return nil
}
