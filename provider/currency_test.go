package provider_test

import (
	"testing"

	"github.com/payonce/payonce/provider"
)

func TestACurrencyOfAnotherUnitAtTheProviderIsNotSupported(t *testing.T) {
	t.Parallel()
	for currency, want := range map[string]bool{"EUR": true, "JPY": true, "KWD": true, "ISK": false, "UGX": false, "MGA": false} {
		if provider.Supports(currency) != want {
			t.Errorf("%s: %t", currency, !want)
		}
	}
}
