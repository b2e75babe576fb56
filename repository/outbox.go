package repository

import "github.com/payonce/payonce/idempotency/postgres"

// eventColumns are what outbox reads of an event that was just written.
const eventColumns = `merchant_id, id, type, resource_id`

// outbox is the part of a statement with an event that writes down who gets it: a delivery per endpoint that is enabled and wants
// its type. It is part of the statement that writes the event, and so of the change's transaction: an event without its deliveries, or a
// delivery of what never happened, can't be committed. The part before it is called event, and returns eventColumns. An endpoint
// isn't told about itself: what happens to it may be that it takes no more.
const outbox = `delivery AS (INSERT INTO webhook_deliveries (merchant_id, endpoint_id, event_id)
	SELECT e.merchant_id, w.id, e.id FROM event e JOIN webhook_endpoints w ON w.merchant_id = e.merchant_id
	WHERE w.enabled AND w.id <> e.resource_id AND w.events && ARRAY['*', e.type, split_part(e.type, '.', 1) || '.*'] RETURNING 1)`

// DeliveriesDue is the topic of commits with deliveries: see [postgres.Database.Listen].
const DeliveriesDue = "webhook deliveries"

// wakeDeliveries reads the one row of a statement with an outbox: first, and how many deliveries it wrote. Where there are none,
// nothing is woken: a merchant without endpoints costs no look for deliveries.
func wakeDeliveries(tx *postgres.Tx, scan func(...any) error, first any) error {
	var deliveries int
	if err := scan(first, &deliveries); err != nil {
		return err
	}
	if deliveries > 0 {
		tx.Notify(DeliveriesDue)
	}
	return nil
}
