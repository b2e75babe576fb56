package notifications_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/wait"
)

// patience is what nothing here takes on a machine that is not stuck.
const patience = 30 * time.Second

// world is a database with one merchant, and what is needed to send to its endpoints.
type world struct {
	*testing.T
	url        string
	db         *postgres.Database
	endpoints  *repository.WebhookEndpoints
	deliveries *repository.WebhookDeliveries
	orders     *repository.Orders
	events     *repository.Events
	secrets    *notifications.Secrets
	merchant   uuid.UUID
	outcomes   outcomes
}

func newWorld(t *testing.T) *world { return newWorldIn(t, "cache_statement") }

func newWorldIn(t *testing.T, mode string) *world {
	t.Helper()
	url := stores.Database(t)
	db, err := postgres.Open(url, postgres.Options{MaxConns: 8, ExecMode: mode})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	secrets, err := notifications.NewSecrets([][]byte{make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	merchant, err := repository.NewMerchants(db.GORM()).Create(t.Context(), "Shop")
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		T: t, url: url, db: db, endpoints: repository.NewWebhookEndpoints(db), deliveries: repository.NewWebhookDeliveries(db),
		orders: repository.NewOrders(db), events: repository.NewEvents(db), secrets: secrets, merchant: merchant.ID,
	}
}

// outcomes counts what the dispatcher reports.
type outcomes struct {
	mu   sync.Mutex
	all  map[string]int
	ages []time.Duration // of events that the first attempt delivered
}

func (o *outcomes) Delivery(outcome string, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[string]int{}
	}
	o.all[outcome]++
}

func (o *outcomes) Delivered(age time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ages = append(o.ages, age)
}

func (o *outcomes) delivered() []time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ages)
}

// start runs a replica's dispatcher, with loopback receivers allowed, until the test ends.
func (w *world) start(change func(*notifications.Config)) *notifications.Dispatcher {
	w.Helper()
	cfg := notifications.Config{
		Deliveries: w.deliveries, Endpoints: w.endpoints, Secrets: w.secrets, Addresses: notifications.NewAddresses(true),
		Wake: w.db.Listen(repository.DeliveriesDue), Log: slog.New(slog.NewTextHandler(w.Output(), nil)), Observe: &w.outcomes,
		Render: notifications.Event, Poll: 50 * time.Millisecond, Timeout: 10 * time.Second,
		Schedule: notifications.Schedule{Pauses: []time.Duration{time.Millisecond, time.Millisecond}, DisableAfter: time.Hour},
	}
	if change != nil {
		change(&cfg)
	}
	d := notifications.New(cfg)
	d.Start(context.Background())
	w.Cleanup(func() { d.Stop(0) })
	return d
}

// run is a transaction of payonce's own.
func (w *world) run(do func(*postgres.Tx)) {
	w.Helper()
	err := w.db.Run(w.Context(), func(*postgres.Tx) {}, func(_ context.Context, tx *postgres.Tx) error {
		do(tx)
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}

// endpoint makes an endpoint at a URL, and returns it with its secret.
func (w *world) endpoint(url string, patterns ...string) (*models.WebhookEndpoint, string) {
	w.Helper()
	if patterns == nil {
		patterns = []string{"*"}
	}
	endpoint := &models.WebhookEndpoint{
		MerchantID: w.merchant, ID: models.NewID(), URL: url, Events: patterns, Enabled: true, CreatedAt: time.Now(), UpdatedAt: time.Now(),
	}
	secret, sealed := w.secrets.New(endpoint)
	endpoint.Secret = sealed
	event, err := notifications.EndpointEvent(endpoint, "webhook_endpoint.created", nil)
	if err != nil {
		w.Fatal(err)
	}
	w.run(func(tx *postgres.Tx) { w.endpoints.Insert(tx, endpoint, event) })
	return endpoint, secret
}

// order makes an order with its event, and returns the event's id.
func (w *world) order() uuid.UUID {
	w.Helper()
	now := time.Now()
	order := &models.Order{
		MerchantID: w.merchant, ID: models.NewID(), Currency: "EUR", AmountTotal: 1999, Status: models.OrderPendingPayment,
		Metadata: models.JSON("{}"), CreatedAt: now, UpdatedAt: now,
	}
	document, err := wire.NewOrder(order)
	if err != nil {
		w.Fatal(err)
	}
	body, err := wire.Encode(document)
	if err != nil {
		w.Fatal(err)
	}
	event := &models.Event{
		MerchantID: w.merchant, ID: models.NewID(), Type: "order.created", ResourceType: wire.TypeOrder, ResourceID: order.ID, Data: body,
	}
	w.run(func(tx *postgres.Tx) { w.orders.Insert(tx, order, event) })
	return event.ID
}

// delivery is what the database holds of an event's delivery to an endpoint.
func (w *world) delivery(endpoint *models.WebhookEndpoint, event uuid.UUID) models.WebhookDelivery {
	w.Helper()
	list, err := w.deliveries.List(w.Context(), w.merchant, endpoint.ID, repository.DeliveryFilter{EventID: &event}, repository.Page{Limit: 2})
	if err != nil || len(list) != 1 {
		w.Fatalf("%d deliveries, %v; want one", len(list), err)
	}
	return list[0]
}

// becomes waits until a delivery has a status.
func (w *world) becomes(endpoint *models.WebhookEndpoint, event uuid.UUID, want models.WebhookDeliveryStatus) models.WebhookDelivery {
	w.Helper()
	var got models.WebhookDelivery
	wait.Within(w.T, patience, "the delivery is "+string(want), func() bool {
		got = w.delivery(endpoint, event)
		return got.Status == want
	})
	return got
}

// exec changes the database directly.
func (w *world) exec(query string, args ...any) {
	w.Helper()
	if _, err := w.db.SQL().ExecContext(w.Context(), query, args...); err != nil {
		w.Fatal(err)
	}
}

// verified fails unless the Standard Webhooks library accepts an arrival under a secret.
func verified(t testing.TB, a receiver.Arrival, secret string) {
	t.Helper()
	if err := receiver.Verify(a, secret); err != nil {
		t.Error(err)
	}
}
