package simulator

import (
	"fmt"
	"strings"
)

// codeNotDivisible is Stripe's word for a part of a currency that card networks don't take.
const codeNotDivisible = "invalid_charge_amount_no_decimal_compatible"

// divisor is what Stripe's amounts of a currency are multiples of ("Supported currencies": ISK and UGX have two decimal places that
// are always 0, currencies with three have a last digit that is). It is written here a second time, so that the client's table is
// not its own judge.
func divisor(currency string) int64 {
	switch strings.ToLower(currency) {
	case "isk", "ugx":
		return 100
	case "bhd", "jod", "kwd", "omr", "tnd":
		return 10
	}
	return 1
}

// indivisible refuses an amount that Stripe refuses in the currency; nil when it takes it.
func indivisible(param string, amount int64, currency string) *answer {
	if by := divisor(currency); amount%by != 0 {
		return invalid(codeNotDivisible, param, fmt.Sprintf("Invalid amount. Amounts in %s must be evenly divisible by %d.", currency, by))
	}
	return nil
}
