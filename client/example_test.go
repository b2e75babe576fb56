package payonce_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	payonce "github.com/payonce/payonce/client"
)

// standIn answers like payonce would: the first answer to a payment is lost.
func standIn() *httptest.Server {
	lost := false
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodGet:
			_, _ = fmt.Fprint(w, `{"id":"pay_1","status":"succeeded","amount":1999,"currency":"EUR"}`)
		case r.URL.Path == "/v1/orders":
			w.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprint(w, `{"id":"ord_1","amount":1999,"currency":"EUR"}`)
		case !lost:
			lost = true
			panic(http.ErrAbortHandler)
		default:
			w.Header().Set("Idempotent-Replayed", "true")
			w.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprint(w, `{"id":"pay_1","status":"succeeded"}`)
		}
	}))
}

// A purchase has two operations, an order and its payment. Each is named after the purchase, so that a program that starts
// anew calls them again and does nothing twice.
func Example() {
	server := standIn() // in your program: your payonce
	defer server.Close()
	folder, err := os.MkdirTemp("", "payonce-keys-") // in your program: a folder that lasts, or your database
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	payment, err := buy(context.Background(), server.URL, "sk_test_...", folder, "basket-4711")
	if err != nil {
		panic(err)
	}
	fmt.Println(payment.Status, payment.Amount, payment.Currency)
	// Output: succeeded 1999 EUR
}

func buy(ctx context.Context, baseURL, apiKey, keysFolder, basket string) (*payonce.Payment, error) {
	keys, err := payonce.NewFileStore(keysFolder) // keys survive a restart
	if err != nil {
		return nil, err
	}
	client, err := payonce.New(baseURL, apiKey, payonce.Options{Store: keys})
	if err != nil {
		return nil, err
	}
	order, err := client.CreateOrder(ctx, "order of "+basket, payonce.CreateOrder{Amount: 1999, Currency: "EUR"})
	if err != nil {
		return nil, err
	}
	payment, err := client.Pay(ctx, "payment of "+basket, payonce.CreatePayment{OrderID: order.ID, PaymentMethod: "pm_card_visa"})
	if problem, ok := errors.AsType[*payonce.Problem](err); ok && problem.Code == payonce.CodePaymentDeclined {
		return nil, fmt.Errorf("ask for another card (%s), and pay again under the same name: %w", problem.DeclineCode, err)
	}
	return payment, err // *UnknownOutcomeError, ErrProcessing: call again later, with the same name
}

// A receiver of webhooks verifies what came before it reads it.
func ExampleVerifyWebhook() {
	handle := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		event, err := payonce.VerifyWebhook(r.Header, body, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Println(event.Type) // drop it when event.ID was handled before
	}
	answer := httptest.NewRecorder()
	handle(answer, httptest.NewRequest(http.MethodPost, "/webhooks", http.NoBody))
	fmt.Println(answer.Code)
	// Output: 401
}
