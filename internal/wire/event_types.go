package wire

// EventType is a type of event, and the type of the resource that its data shows.
type EventType struct{ Name, Resource string }

// EventTypes are all that this release writes. Later ones may add to them.
func EventTypes() (types []EventType) {
	for _, group := range []struct {
		resource string
		what     []string
	}{
		{TypeOrder, []string{"created", "pending_payment", "partially_paid", "paid", "partially_refunded", "refunded", "canceled"}},
		{TypePayment, []string{
			"processing", "requires_action", "requires_capture", "partially_captured", "succeeded", "failed", "canceled", "expired", "refunded",
		}},
		{TypeCapture, []string{"pending", "succeeded", "failed"}},
		{TypeRefund, []string{"pending", "succeeded", "failed", "canceled"}},
		{TypeDiscrepancy, []string{"opened", "decided", "resolved"}},
		{TypeWebhookEndpoint, []string{"created", "updated", "secret_rotated", "disabled", "deleted"}},
	} {
		for _, what := range group.what {
			types = append(types, EventType{group.resource + "." + what, group.resource})
		}
	}
	return types
}
