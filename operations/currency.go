package operations

import (
	"fmt"

	"github.com/payonce/payonce/provider"
)

// NotPayableAmountError says that the provider can't be asked for an amount: it counts the currency in another unit than
// ISO 4217, or in steps. Amounts are never rounded.
type NotPayableAmountError struct {
	Currency string
	Unit     bool  // it is not known how the provider counts the currency: no amount of it is payable
	Step     int64 // what amounts have to be multiples of, in minor units; 0: the amount is too large
	Most     int64
}

func (e *NotPayableAmountError) Error() string {
	switch {
	case e.Unit:
		return fmt.Sprintf("%.10q can't be paid here: it is not known how the payment provider counts it", e.Currency)
	case e.Step > 0:
		return fmt.Sprintf("must be a multiple of %d: the payment provider takes no smaller parts of %s", e.Step, e.Currency)
	}
	return fmt.Sprintf("is more than the payment provider takes in %s; the most is %d minor units", e.Currency, e.Most)
}

// Code is the code of the problem's field.
func (e *NotPayableAmountError) Code() string {
	if e.Unit {
		return "currency_not_supported"
	}
	return "amount_not_supported"
}

// CheckPayable returns nil for an amount, in minor units of an ISO 4217 currency, that the provider can be asked for.
func CheckPayable(amount int64, currency string) *NotPayableAmountError {
	step, most, ok := provider.AmountLimits(currency)
	switch {
	case !ok:
		return &NotPayableAmountError{Currency: currency, Unit: true}
	case amount%step != 0:
		return &NotPayableAmountError{Currency: currency, Step: step}
	case amount > most:
		return &NotPayableAmountError{Currency: currency, Most: most}
	}
	return nil
}
