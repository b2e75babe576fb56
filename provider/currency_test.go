package provider

import (
	"math"
	"testing"

	"github.com/bojanz/currency"
)

// The numbers of decimal places at Stripe ("Supported currencies": zero-decimal, three-decimal and special cases) are
// written here a second time. Two is Stripe's rule for all others.
func stripePlaces() map[string]uint8 {
	return map[string]uint8{
		"CLF": 4, "UYW": 4, "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3, "ISK": 2, "UGX": 2,
		"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "JPY": 0, "KMF": 0, "KRW": 0, "MGA": 0, "PYG": 0, "RWF": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	}
}

func power(exponent uint8) int64 {
	n := int64(1)
	for range exponent {
		n *= 10
	}
	return n
}

// For every currency of ISO 4217: the amount that is sent is worth what the amount in minor units is worth, and comes back as it was.
func TestAnAmountIsWorthTheSameAtTheProvider(t *testing.T) {
	t.Parallel()
	places, unknown := stripePlaces(), map[string]bool{"IQD": true, "LYD": true, "UYI": true}
	for _, code := range currency.GetCurrencyCodes() {
		digits, _ := currency.GetDigits(code)
		atProvider, special := places[code]
		if !special {
			atProvider = 2
		}
		step, most, ok := AmountLimits(code)
		if ok == unknown[code] {
			t.Errorf("%s: payable is %t, want %t", code, ok, !unknown[code])
		}
		if !ok {
			if sent, err := toProvider(100, code); err == nil {
				t.Errorf("%s: got %d, want an error: its unit is not known", code, sent)
			}
			continue
		}
		if sent, err := toProvider(most/step*step, code); err != nil || sent > 999_999_999_999 || sent < 999_999_999_000 {
			t.Errorf("%s: the largest amount %d is sent as %d, %v; want all twelve digits used", code, most, sent, err)
		}
		for _, n := range []int64{0, 1, 7, 1999, 9_007_199_254_740_993} {
			amount := n * step
			sent, err := toProvider(amount, code)
			if err != nil || fromProvider(sent, code) != amount {
				t.Errorf("%d %s: sent as %d, read as %d, %v; want the same again", amount, code, sent, fromProvider(sent, code), err)
			}
			if n < 2000 && sent*power(digits) != amount*power(atProvider) {
				t.Errorf("%d %s with %d places is sent as %d with %d places, which is worth something else", amount, code, digits, sent, atProvider)
			}
			if atProvider == 3 && sent%10 != 0 || (code == "ISK" || code == "UGX") && sent%100 != 0 {
				t.Errorf("%d %s is sent as %d, which the provider refuses", amount, code, sent)
			}
		}
	}
}

func TestAnAmountThatCannotBeExpressedIsNeverRounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount   int64
		currency string
		want     int64 // 0: refused
	}{
		{500, "ISK", 50000},
		{1, "UGX", 100},
		{math.MaxInt64 / 100, "ISK", math.MaxInt64 / 100 * 100},
		{math.MaxInt64/100 + 1, "ISK", 0},
		{math.MaxInt64, "UGX", 0},
		{500, "MGA", 5},
		{550, "MGA", 0},
		{1, "MGA", 0},
		{9223372036854775800, "MGA", 92233720368547758},
		{5120, "KWD", 5120},
		{5124, "KWD", 0},
		{9223372036854775800, "BHD", 9223372036854775800},
		{math.MaxInt64, "TND", 0},
		{math.MaxInt64, "JPY", math.MaxInt64},
		{math.MaxInt64, "EUR", math.MaxInt64},
		{1<<53 + 1, "USD", 1<<53 + 1},
		{500, "HUF", 500},
		{500, "TWD", 500},
		{1, "CLF", 1},
		{12345, "UYW", 12345},
		{500, "UYI", 0},
		{1000, "IQD", 0},
	} {
		got, err := toProvider(c.amount, c.currency)
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%d %s: got %d, %v; want %d", c.amount, c.currency, got, err, c.want)
		}
	}
	for _, c := range []struct {
		amount   int64
		currency string
		want     int64
	}{
		{50000, "ISK", 500},
		{50050, "ISK", Inexact},
		{1, "UGX", Inexact},
		{math.MaxInt64, "ISK", Inexact},
		{0, "ISK", 0},
		{5, "MGA", 500},
		{math.MaxInt64 / 100, "MGA", math.MaxInt64 / 100 * 100},
		{math.MaxInt64/100 + 1, "MGA", Inexact},
		{5124, "KWD", 5124},
		{math.MaxInt64, "EUR", math.MaxInt64},
		{1<<53 + 1, "JPY", 1<<53 + 1},
		{100, "CLF", 100},
		{100, "IQD", Inexact},
	} {
		if got := fromProvider(c.amount, c.currency); got != c.want {
			t.Errorf("%d %s of the provider: got %d, want %d", c.amount, c.currency, got, c.want)
		}
	}
}
