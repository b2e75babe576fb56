package provider

import (
	"fmt"
	"math"
)

// unit is how Stripe counts a currency, compared with ISO 4217's minor unit, which payonce counts in.
type unit struct {
	up   int64 // one minor unit is so many of Stripe's
	down int64 // one of Stripe's is so many minor units; one of the two is 1
	step int64 // amounts that Stripe takes are multiples of so many minor units
}

// unitOf is the table of the currencies whose amounts are not simply passed on. Its source is Stripe's documentation, "Supported
// currencies" (docs.stripe.com/currencies: zero-decimal and three-decimal currencies, special cases), read in November 2026.
// ok is false where Stripe lists no unit, and both ISO 4217's and Stripe's usual two places would be a guess. The units of account with
// four places, CLF and UYW, are passed on in ISO's unit: Stripe refuses them by itself, and no provider counts them in another way.
//
// Two more special cases there, HUF and TWD, are about payouts: they are charged with two decimal places, as in ISO 4217.
func unitOf(currency string) (u unit, ok bool) {
	switch currency {
	case "ISK", "UGX": // no places in ISO 4217; two at Stripe, "00" always
		return unit{up: 100, down: 1, step: 1}, true
	case "MGA": // two places in ISO 4217, none at Stripe
		return unit{up: 1, down: 100, step: 100}, true
	case "BHD", "JOD", "KWD", "OMR", "TND": // three places in both; the last digit has to be 0
		return unit{up: 1, down: 1, step: 10}, true
	case "IQD", "LYD", "UYI":
		return unit{}, false
	}
	return unit{up: 1, down: 1, step: 1}, true
}

// widest is the largest number that Stripe's API takes as an amount, in any currency: twelve digits.
const widest = 999_999_999_999

// AmountLimits returns what amounts of a currency (ISO 4217) have to be multiples of to be payable, and the largest one, in minor
// units. ok is false where no amount is payable: it is not known how the provider counts the currency.
func AmountLimits(currency string) (step, most int64, ok bool) {
	u, ok := unitOf(currency)
	if !ok {
		return 0, 0, false
	}
	return u.step, widest / u.up * u.down, true
}

// Inexact stands for an amount of the provider's that is no whole number of our minor units. It equals no amount that was asked.
const Inexact = -1

// toProvider returns what the provider calls an amount of minor units. Every amount that is sent goes through it.
func toProvider(amount int64, currency string) (int64, error) {
	u, ok := unitOf(currency)
	switch {
	case !ok:
		return 0, fmt.Errorf("currency %q: it is not known how the provider counts it", currency)
	case amount%u.step != 0:
		return 0, fmt.Errorf("amount %d %s must be a multiple of %d", amount, currency, u.step)
	case amount > math.MaxInt64/u.up || amount < math.MinInt64/u.up:
		return 0, fmt.Errorf("amount %d %s does not fit 64 bits at the provider", amount, currency)
	}
	return amount * u.up / u.down, nil
}

// fromProvider returns an amount of the provider's in minor units, or Inexact. Every amount that is read goes through it.
func fromProvider(amount int64, currency string) int64 {
	u, ok := unitOf(currency)
	if !ok || amount%u.up != 0 || amount > math.MaxInt64/u.down || amount < math.MinInt64/u.down {
		return Inexact
	}
	return amount / u.up * u.down
}
