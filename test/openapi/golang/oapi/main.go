// Command oapi buys something with the client that oapi-codegen generates, as the test in the folder above tells it to.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/payonce/payonce/test/openapi/golang/oapi/api"
)

const amount int64 = 5_000_000_000 // more than 32 bits

func main() {
	if err := buy(context.Background(), os.Getenv("BASE_URL"), os.Getenv("API_KEY")); err != nil {
		log.Fatal(err)
	}
	fmt.Println("bought")
}

func buy(ctx context.Context, baseURL, apiKey string) error {
	client, err := api.NewClientWithResponses(baseURL, api.WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", "Bearer "+apiKey)
		return nil
	}))
	if err != nil {
		return err
	}
	total := amount
	order, err := client.CreateOrderWithResponse(ctx, &api.CreateOrderParams{IdempotencyKey: "oapi-order"}, api.CreateOrder{Currency: "EUR", Amount: &total})
	if err != nil || order.JSON201 == nil || order.JSON201.Amount != amount {
		return fmt.Errorf("an order: %v, %+v", err, order)
	}
	pays := api.CreatePayment{OrderId: order.JSON201.Id, PaymentMethod: "pm_card_visa"}
	for _, replayed := range []string{"", "true"} {
		paid, err := client.CreatePaymentWithResponse(ctx, &api.CreatePaymentParams{IdempotencyKey: "oapi-pay"}, pays)
		if err != nil || paid.JSON201 == nil || paid.JSON201.AmountCaptured != amount || paid.HTTPResponse.Header.Get("Idempotent-Replayed") != replayed {
			return fmt.Errorf("a payment: %v, %+v", err, paid)
		}
	}
	if err := readEvent(ctx, client, order.JSON201.Id); err != nil {
		return err
	}
	pays.PaymentMethod = "pm_card_chargeDeclined"
	again, err := client.CreatePaymentWithResponse(ctx, &api.CreatePaymentParams{IdempotencyKey: "oapi-again"}, pays)
	if err != nil || again.ApplicationproblemJSON409 == nil || again.ApplicationproblemJSON409.Code != "order-not-payable" {
		return fmt.Errorf("a second payment: %v, %+v", err, again)
	}
	order, err = client.CreateOrderWithResponse(ctx, &api.CreateOrderParams{IdempotencyKey: "oapi-order-2"}, api.CreateOrder{Currency: "EUR", Amount: &total})
	if err != nil || order.JSON201 == nil {
		return fmt.Errorf("another order: %v, %+v", err, order)
	}
	pays.OrderId = order.JSON201.Id
	declined, err := client.CreatePaymentWithResponse(ctx, &api.CreatePaymentParams{IdempotencyKey: "oapi-declined"}, pays)
	if err != nil || declined.ApplicationproblemJSON402 == nil || *declined.ApplicationproblemJSON402.DeclineCode != "generic_decline" {
		return fmt.Errorf("a declined payment: %v, %+v", err, declined)
	}
	return nil
}

// readEvent finds the payment of an order in the events, and reads its event by itself.
func readEvent(ctx context.Context, client *api.ClientWithResponses, order string) error {
	list, err := client.ListEventsWithResponse(ctx, nil)
	if err != nil || list.JSON200 == nil {
		return fmt.Errorf("events: %v, %+v", err, list)
	}
	for _, event := range list.JSON200.Data {
		value, err := event.ValueByDiscriminator()
		if err != nil {
			return err
		}
		about, ok := value.(api.PaymentEvent)
		if !ok || about.Data.OrderId != order || about.Data.Status != "succeeded" {
			continue
		}
		one, err := client.GetEventWithResponse(ctx, about.Id)
		if err != nil || one.JSON200 == nil {
			return fmt.Errorf("an event: %v, %+v", err, one)
		}
		if again, err := one.JSON200.AsPaymentEvent(); err != nil || again.Data.AmountCaptured != amount {
			return fmt.Errorf("an event's data: %v, %+v", err, again)
		}
		return nil
	}
	return fmt.Errorf("no event of the payment of %s among %d", order, len(list.JSON200.Data))
}
