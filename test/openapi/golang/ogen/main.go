// Command ogen buys something with the client that ogen generates, as the test in the folder above tells it to.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/payonce/payonce/test/openapi/golang/ogen/api"
)

const amount int64 = 5_000_000_000 // more than 32 bits

func main() {
	if err := buy(context.Background(), os.Getenv("BASE_URL"), os.Getenv("API_KEY")); err != nil {
		log.Fatal(err)
	}
	fmt.Println("bought")
}

// bearer is the API key.
type bearer string

func (b bearer) ApiKey(context.Context, api.OperationName) (api.ApiKey, error) { //nolint:revive // ogen's name
	return api.ApiKey{Token: string(b)}, nil
}

func buy(ctx context.Context, baseURL, apiKey string) error {
	client, err := api.NewClient(baseURL, bearer(apiKey))
	if err != nil {
		return err
	}
	order, err := newOrder(ctx, client, "ogen-order")
	if err != nil {
		return err
	}
	pays := &api.CreatePayment{OrderID: order, PaymentMethod: "pm_card_visa"}
	for _, replayed := range []bool{false, true} {
		res, err := client.CreatePayment(ctx, pays, api.CreatePaymentParams{IdempotencyKey: "ogen-pay"})
		paid, ok := res.(*api.CreatePaymentCreated)
		if err != nil || !ok || paid.Response.AmountCaptured != amount || paid.IdempotentReplayed.Value != replayed {
			return fmt.Errorf("a payment: %v, %+v", err, res)
		}
	}
	if err := readEvent(ctx, client, order); err != nil {
		return err
	}
	pays.PaymentMethod = "pm_card_chargeDeclined"
	res, err := client.CreatePayment(ctx, pays, api.CreatePaymentParams{IdempotencyKey: "ogen-again"})
	if again, ok := res.(*api.RequestInFlightOrOrderNotPayableHeaders); err != nil || !ok || again.Response.Code != "order-not-payable" {
		return fmt.Errorf("a second payment: %v, %+v", err, res)
	}
	if pays.OrderID, err = newOrder(ctx, client, "ogen-order-2"); err != nil {
		return err
	}
	res, err = client.CreatePayment(ctx, pays, api.CreatePaymentParams{IdempotencyKey: "ogen-declined"})
	if declined, ok := res.(*api.PaymentDeclinedHeaders); err != nil || !ok || declined.Response.DeclineCode.Value != "generic_decline" {
		return fmt.Errorf("a declined payment: %v, %+v", err, res)
	}
	return nil
}

func newOrder(ctx context.Context, client *api.Client, key api.IdempotencyKey) (id string, err error) {
	res, err := client.CreateOrder(ctx, &api.CreateOrder{Currency: "EUR", Amount: api.NewOptNilInt64(amount)}, api.CreateOrderParams{IdempotencyKey: key})
	order, ok := res.(*api.OrderHeaders)
	if err != nil || !ok || order.Response.Amount != amount {
		return "", fmt.Errorf("an order: %v, %+v", err, res)
	}
	return order.Response.ID, nil
}

// readEvent finds the payment of an order in the events, and reads its event by itself.
func readEvent(ctx context.Context, client *api.Client, order string) error {
	res, err := client.ListEvents(ctx, api.ListEventsParams{})
	list, ok := res.(*api.EventListHeaders)
	if err != nil || !ok {
		return fmt.Errorf("events: %v, %+v", err, res)
	}
	for _, event := range list.Response.Data {
		about, ok := event.GetPaymentEvent()
		if !ok || about.Data.OrderID != order || about.Data.Status != "succeeded" {
			continue
		}
		res, err := client.GetEvent(ctx, api.GetEventParams{ID: about.ID})
		one, ok := res.(*api.EventHeaders)
		if err != nil || !ok {
			return fmt.Errorf("an event: %v, %+v", err, res)
		}
		if again, ok := one.Response.GetPaymentEvent(); !ok || again.Data.AmountCaptured != amount {
			return fmt.Errorf("an event's data: %+v", again)
		}
		return nil
	}
	return fmt.Errorf("no event of the payment of %s among %d", order, len(list.Response.Data))
}
