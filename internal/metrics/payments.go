package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

// paymentMetrics are about money: what the provider was asked, and what became of payments.
type paymentMetrics struct {
	payments *prometheus.CounterVec
	declines *prometheus.CounterVec
	calls    *prometheus.CounterVec
	latency  *prometheus.HistogramVec

	unresolved, waiting, undo, discrepancies, oldestDiscrepancy prometheus.Gauge
}

func newPayments(f promauto.Factory) paymentMetrics {
	p := paymentMetrics{
		payments: counters(f, "payonce_payments_total", "Payments that came into a status; processing: the first answer was not clear.",
			"status", "currency"),
		declines: counters(f, "payonce_declines_total", "What the provider declined, by operation and its code.", "operation", "code"),
		calls:    counters(f, "payonce_provider_calls_total", "Calls to the payment provider by operation and outcome.", "operation", "outcome"),
		latency: histograms(f, "payonce_provider_call_duration_seconds", "Time of calls to the payment provider.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "operation"),
		unresolved:        gauge(f, "payonce_oldest_unresolved_seconds", "Age of the oldest call to the provider without a known outcome."),
		waiting:           gauge(f, "payonce_oldest_requires_action_seconds", "Age of the oldest payment that waits for its customer."),
		undo:              gauge(f, "payonce_oldest_undo_seconds", "Age of the oldest promise to undo a payment that is not kept yet."),
		discrepancies:     gauge(f, "payonce_discrepancies_open", "Discrepancies that are not resolved, up to 1000."),
		oldestDiscrepancy: gauge(f, "payonce_oldest_discrepancy_seconds", "Age of the oldest of them."),
	}
	for _, operation := range provider.Operations() {
		for _, outcome := range outcomes() {
			p.calls.WithLabelValues(operation, outcome.String())
		}
		p.latency.WithLabelValues(operation)
	}
	return p
}

// Payment implements [operations.Observer]. A currency that ISO 4217 doesn't know counts as "other".
func (m *Metrics) Payment(status models.PaymentStatus, currency string) {
	if _, ok := models.CurrencyByCode(currency); !ok {
		currency = other
	}
	m.payments.payments.WithLabelValues(string(status), currency).Inc()
}

// Declined implements [operations.Observer]. A code that is in no list counts as "other": the provider may invent codes.
func (m *Metrics) Declined(operation models.Operation, code string) {
	if !slices.Contains(declineCodes(), code) {
		code = other
	}
	m.payments.declines.WithLabelValues(string(operation), code).Inc()
}

// Provider counts a call to the provider.
func (m *Metrics) Provider(operation string, outcome provider.Outcome, elapsed time.Duration) {
	m.payments.calls.WithLabelValues(operation, outcome.String()).Inc()
	m.payments.latency.WithLabelValues(operation).Observe(elapsed.Seconds())
}

// Discrepancies sets how many findings are open, and for how long the oldest one is.
func (m *Metrics) Discrepancies(open int, oldest time.Duration) {
	m.payments.discrepancies.Set(float64(open))
	m.payments.oldestDiscrepancy.Set(oldest.Seconds())
}

// Unresolved sets the age of the oldest call without a known outcome.
func (m *Metrics) Unresolved(age time.Duration) { m.payments.unresolved.Set(age.Seconds()) }

// Undo sets the age of the oldest promise to undo a payment that is not kept yet.
func (m *Metrics) Undo(age time.Duration) { m.payments.undo.Set(age.Seconds()) }

// Waiting sets the age of the oldest payment that waits for its customer.
func (m *Metrics) Waiting(age time.Duration) { m.payments.waiting.Set(age.Seconds()) }

// declineCodes are the codes that have a series. The source is Stripe's documentation, "Decline codes"
// (docs.stripe.com/declines/codes), with the codes that payonce gives itself and those of refunds that fail.
func declineCodes() []string {
	return []string{
		"already_captured", "amount_too_large", "amount_too_small", "approve_with_id", "authentication_not_handled", "authentication_required",
		"call_issuer", "card_declined", "card_not_supported", "card_velocity_exceeded", "charge_already_refunded", "currency_not_supported",
		"do_not_honor", "do_not_try_again", "duplicate_transaction", "expired_card", "expired_or_canceled_card", "fraudulent", "generic_decline",
		"incorrect_address", "incorrect_cvc", "incorrect_number", "incorrect_pin", "incorrect_zip", "insufficient_funds", "invalid_account",
		"invalid_amount", "invalid_cvc", "invalid_expiry_month", "invalid_expiry_year", "invalid_number", "invalid_pin", "issuer_not_available",
		"lost_card", "lost_or_stolen_card", "merchant_blacklist", "mobile_device_authentication_required", "new_account_information_available",
		"no_action_taken", "not_permitted", "offline_pin_required", "online_or_offline_pin_required", "payment_intent_authentication_failure",
		"pickup_card", "pin_try_exceeded", "processing_error", "reenter_transaction", "resolved_by_operator", "restricted_card",
		"revocation_of_all_authorizations", "revocation_of_authorization", "security_violation", "service_not_allowed", "stolen_card",
		"stop_payment_order", "testmode_decline", "transaction_not_allowed", "try_again_later", "withdrawal_count_limit_exceeded",
	}
}
