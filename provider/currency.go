package provider

// Supports tells whether an amount in the currency's ISO 4217 minor unit is the amount that Stripe's API understands.
// For the Icelandic króna and the Ugandan shilling Stripe keeps two decimal places that ISO 4217 doesn't have, and for the
// Malagasy ariary none where ISO 4217 has two (Stripe's documentation, "Supported currencies"): a number sent as it is
// would be another amount, and the answer would repeat the number. They are refused until they are converted.
func Supports(currency string) bool {
	switch currency {
	case "ISK", "UGX", "MGA":
		return false
	}
	return true
}
