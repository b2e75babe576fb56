package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/inbox"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/wait"
)

// notified is a service, and the hands to play its provider.
type notified struct {
	*api
	db *sql.DB
}

// startNotified checks nothing by itself for a long time after the first look: what resolves sooner was notified of.
func startNotified(t *testing.T, settings map[string]string) *notified {
	t.Helper()
	env := map[string]string{"PROVIDER_TIMEOUT": "300ms", "RECOVERY_INTERVAL": "5m"}
	for name, value := range settings {
		env[name] = value
	}
	s := &notified{api: startService(t, env)}
	db, err := postgres.Open(s.Options.DatabaseURL, postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.db = db.SQL()
	return s
}

// notify sends a body as the provider does.
func (s *notified) notify(t *testing.T, body, signature string) answer {
	t.Helper()
	return s.do(t, notification(body, signature))
}

func notification(body, signature string) call {
	return call{method: "POST", path: "/provider/webhooks", token: "-", body: body, header: h("Stripe-Signature", signature)}
}

// signed sends an event about an object, signed now.
func (s *notified) signed(t *testing.T, id, kind string, object any) answer {
	t.Helper()
	body := eventBody(t, id, kind, object)
	return s.notify(t, body, provider.Sign([]byte(body), service.WebhookSecret, time.Now()))
}

func eventBody(t *testing.T, id, kind string, object any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"id": id, "object": "event", "type": kind, "created": time.Now().Unix(), "data": map[string]any{"object": object},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// intentOf is an intent of a payment as an event shows it.
func (s *notified) intentOf(t *testing.T, reference, payment, status string, received int64) map[string]any {
	t.Helper()
	key, err := service.Merchants(t, s.Options.DatabaseURL).FindKey(t.Context(), s.keyID)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"object": "payment_intent", "id": reference, "status": status, "amount": 1999, "amount_received": received, "amount_capturable": 0,
		"currency": "eur", "capture_method": "automatic", "created": time.Now().Unix(),
		"metadata": map[string]any{"payment_id": payment, "merchant_id": models.FormatID(models.PrefixMerchant, key.MerchantID)},
	}
}

func (s *notified) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := s.db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// worked waits until every stored event was compared.
func (s *notified) worked(t *testing.T) {
	t.Helper()
	wait.Within(t, time.Minute, "every stored event is compared", func() bool {
		return s.count(t, "SELECT count(*) FROM provider_events WHERE due_at IS NOT NULL") == 0
	})
}

func (s *notified) status(t *testing.T, payment string) string {
	t.Helper()
	return s.do(t, call{method: "GET", path: "/v1/payments/" + payment}).text(t, "status")
}

// The charge is made at once, and its answer never comes: the notification overtakes it.
func TestAnUnknownOutcomeIsResolvedByTheProvidersNotification(t *testing.T) {
	t.Parallel()
	s := startNotified(t, map[string]string{"PROVIDER_TIMEOUT": "1s"})
	s.Simulator.Notify(s.Service)
	var took []time.Duration
	for i := range 9 {
		paid := s.pay(t, fmt.Sprint("pay", i), s.order(t, fmt.Sprint("order", i)), "pm_sim_timeout_charged")
		if paid.status != http.StatusAccepted {
			t.Fatalf("got %d %s, want 202", paid.status, paid.body)
		}
		began, row := time.Now(), paid.text(t, "id")
		id, err := models.ParseID(models.PrefixPayment, row)
		if err != nil {
			t.Fatal(err)
		}
		wait.Within(t, time.Minute, "the payment is known", func() bool { // not by GET, which asks for a check itself
			return s.count(t, "SELECT count(*) FROM payments WHERE id = $1 AND status = 'succeeded'", id) == 1
		})
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("an unknown outcome was resolved after %s (median of %d; longest %s)", took[len(took)/2], len(took), took[len(took)-1])
	if median := took[len(took)/2]; median > 5*time.Second { // without notifications: 1 s at least, and here 5 minutes
		t.Errorf("the median is %s", median)
	}
	if n := len(s.Simulator.Charges()); n != 9 {
		t.Errorf("%d charges, want 9", n)
	}
}

func TestTheFaultsOfNotificationsChangeNothing(t *testing.T) {
	t.Parallel()
	for fault, wakes := range map[string]bool{
		simulator.WebhookLate: true, simulator.WebhookTwice: true, simulator.WebhookReversed: false, simulator.WebhookNever: false, simulator.WebhookAltered: false,
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			recovery := map[bool]string{true: "5m", false: "200ms"}[wakes] // where no notification helps, the checks do as ever
			s := startNotified(t, map[string]string{"RECOVERY_INTERVAL": recovery, "PROVIDER_TIMEOUT": "2s"})
			s.Simulator.Notify(s.Service, fault)
			open := s.pay(t, "unknown", s.order(t, "a"), "pm_sim_timeout_charged")
			open.wants(t, "the unknown payment", 202, nil)
			authorized := s.do(t, call{method: "POST", path: "/v1/payments", key: "held", body: fmt.Sprintf(
				`{"order_id":%q,"payment_method":"pm_card_visa","capture_method":"manual"}`, s.order(t, "b"))})
			authorized.wants(t, "the authorization", 201, nil)
			held := authorized.text(t, "id")
			s.do(t, call{method: "POST", path: "/v1/payments/" + held + "/capture", key: "capture"}).wants(t, "the capture", 200, nil)
			id, err := models.ParseID(models.PrefixPayment, open.text(t, "id"))
			if err != nil {
				t.Fatal(err)
			}
			wait.Within(t, time.Minute, "the unknown payment is known", func() bool {
				return s.count(t, "SELECT count(*) FROM payments WHERE id = $1 AND status = 'succeeded'", id) == 1
			})
			s.worked(t)
			if got := s.status(t, held); got != "succeeded" {
				t.Errorf("the captured payment is %s", got)
			}
			if n := s.count(t, "SELECT count(*) FROM discrepancies"); n != 0 {
				t.Errorf("%d discrepancies, want none", n)
			}
			if fault == simulator.WebhookAltered || fault == simulator.WebhookNever {
				if n := s.count(t, "SELECT count(*) FROM provider_events"); n != 0 {
					t.Errorf("%d events are stored, want none", n)
				}
			}
		})
	}
}

func TestTheSameNotificationAHundredTimesAtOnceCountsOnce(t *testing.T) {
	t.Parallel()
	s := startNotified(t, nil)
	paid := s.pay(t, "pay", s.order(t, "order"), "pm_card_visa")
	body := eventBody(t, "evt_same", "payment_intent.succeeded", s.intentOf(t, s.Simulator.Charges()[0].ID, paid.text(t, "id"), "succeeded", 1999))
	signature := provider.Sign([]byte(body), service.WebhookSecret, time.Now())
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if got := s.patiently(t, notification(body, signature)); got.status != http.StatusOK { // 503 on a busy machine: providers send again
				t.Errorf("got %d %s, want 200", got.status, got.body)
			}
		})
	}
	group.Wait()
	s.worked(t)
	if n := s.count(t, "SELECT count(*) FROM provider_events"); n != 1 {
		t.Errorf("%d events are stored, want 1", n)
	}
	if got := s.status(t, paid.text(t, "id")); got != "succeeded" {
		t.Errorf("the payment is %s", got)
	}
}

func TestANotificationThatIsNotTheProvidersIsRefused(t *testing.T) {
	t.Parallel()
	s := startNotified(t, nil)
	body := eventBody(t, "evt_1", "customer.created", map[string]any{"object": "customer"}) // accepted, were it signed
	broken := eventBody(t, "evt_3", "payment_intent.succeeded", map[string]any{"object": "payment_intent"})
	good := func(text string) string { return provider.Sign([]byte(text), service.WebhookSecret, time.Now()) }
	for name, c := range map[string][2]string{
		"no signature":    {body, ""},
		"an altered body": {body + " ", good(body)},
		"an old time":     {body, provider.Sign([]byte(body), service.WebhookSecret, time.Now().Add(-6*time.Minute))},
		"a time to come":  {body, provider.Sign([]byte(body), service.WebhookSecret, time.Now().Add(6*time.Minute))},
		"another secret":  {body, provider.Sign([]byte(body), "whsec_other", time.Now())},
		"no JSON":         {"x", good("x")},
		"no event":        {`{"object":"charge","id":"ch_1"}`, good(`{"object":"charge","id":"ch_1"}`)},
		"a broken intent": {broken, good(broken)},
		"an empty body":   {"", good("")},
	} {
		if got := s.notify(t, c[0], c[1]); got.status != http.StatusBadRequest || got.text(t, "code") != "malformed-request" {
			t.Errorf("%s: got %d %s, want 400", name, got.status, got.body)
		}
	}
	if n := s.count(t, "SELECT count(*) FROM provider_events"); n != 0 {
		t.Errorf("%d events are stored, want none", n)
	}
	later := eventBody(t, "evt_2", "customer.created", map[string]any{"object": "customer"})
	if got := s.notify(t, later, provider.Sign([]byte(later), "whsec_that_is_to_come", time.Now())); got.status != http.StatusOK {
		t.Errorf("the second secret: got %d %s, want 200", got.status, got.body)
	}
}

// What an event says is no evidence: it may be of another account, or made up by one who has the secret.
func TestAnEventAboutAChargeIsADiscrepancyOnlyWhenTheProviderHasIt(t *testing.T) {
	t.Parallel()
	s := startNotified(t, nil)
	paid := s.pay(t, "pay", s.order(t, "order"), "pm_card_visa")
	absent := models.FormatID(models.PrefixPayment, models.NewID())
	for id, object := range map[string]any{
		"evt_foreign":   s.intentOf(t, "pi_of_another_account", absent, "succeeded", 1999),
		"evt_lie":       s.intentOf(t, s.Simulator.Charges()[0].ID, paid.text(t, "id"), "canceled", 0),
		"evt_no_second": s.intentOf(t, "pi_second", paid.text(t, "id"), "succeeded", 1999),
		"evt_charge":    map[string]any{"object": "charge", "id": "ch_1", "metadata": map[string]any{}},
	} {
		if got := s.signed(t, id, "payment_intent.succeeded", object); got.status != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", id, got.status, got.body)
		}
	}
	s.worked(t)
	if n := s.count(t, "SELECT count(*) FROM discrepancies"); n != 0 {
		t.Errorf("%d discrepancies, want none", n)
	}
	charge := s.chargeBehind(t, absent)
	for i := range 3 {
		s.signed(t, fmt.Sprint("evt_real", i), "payment_intent.succeeded", charge)
	}
	s.worked(t)
	if n := s.count(t, "SELECT count(*) FROM discrepancies WHERE kind = 'charge_not_here'"); n != 1 {
		t.Errorf("%d discrepancies about the unknown charge, want 1", n)
	}
	if got := s.status(t, paid.text(t, "id")); got != "succeeded" {
		t.Errorf("the payment is %s", got)
	}
}

// chargeBehind charges at the provider, under the service's key, for a payment that isn't there.
func (s *notified) chargeBehind(t *testing.T, payment string) map[string]any {
	t.Helper()
	object := s.intentOf(t, "", payment, "succeeded", 1999)
	metadata, _ := object["metadata"].(map[string]any)
	merchant, _ := metadata["merchant_id"].(string)
	client, err := provider.New(provider.Config{URL: s.Simulator.URL(), SecretKey: service.Secrets()[1], Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	made := client.Authorize(t.Context(), provider.AuthorizeRequest{
		Key: "behind", PaymentID: payment, MerchantID: merchant, Amount: 1999, Currency: "EUR", PaymentMethod: "pm_card_visa",
	})
	client.Close()
	if made.Object == nil {
		t.Fatal(made.Err)
	}
	object["id"] = made.Object.Reference
	return object
}

func TestARefundThatFailsAfterItSucceededIsFound(t *testing.T) {
	t.Parallel()
	s := startNotified(t, map[string]string{"PROVIDER_TIMEOUT": "10s", "IDEMPOTENCY_LEASE": "30s"})
	s.Simulator.Notify(s.Service)
	paid := s.pay(t, "pay", s.order(t, "order"), "pm_sim_refund_succeeded_then_failed_1500")
	if paid.status != http.StatusCreated {
		t.Fatalf("%d %s", paid.status, paid.body)
	}
	refunded := s.do(t, call{method: "POST", path: "/v1/payments/" + paid.text(t, "id") + "/refunds", key: "refund"})
	if refunded.status != http.StatusCreated || refunded.text(t, "status") != "succeeded" {
		t.Fatalf("%d %s", refunded.status, refunded.body)
	}
	wait.Within(t, time.Minute, "the failed refund is a discrepancy", func() bool {
		return s.count(t, "SELECT count(*) FROM discrepancies WHERE kind = 'refund_differs'") == 1
	})
}

func TestANotificationThatCanNotBeStoredIsAskedForAgain(t *testing.T) {
	t.Parallel()
	database := stores.Database(t)
	way, err := proxy.NewPostgres(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(way.Close)
	s := startNotified(t, map[string]string{"DATABASE_URL": way.URL()})
	object := map[string]any{"object": "customer"}
	way.Refuse()
	way.ResetAll()
	if got := s.signed(t, "evt_1", "customer.created", object); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("while PostgreSQL is away: got %d %s, want 503 with Retry-After", got.status, got.body)
	}
	if err := way.Accept(); err != nil {
		t.Fatal(err)
	}
	wait.Within(t, time.Minute, "the notification is stored", func() bool {
		return s.signed(t, "evt_1", "customer.created", object).status == http.StatusOK
	})
	if n := s.count(t, "SELECT count(*) FROM provider_events"); n != 1 {
		t.Errorf("%d events are stored, want 1", n)
	}
}

func TestUnsignedNotificationsAreLimitedByTheirAddress(t *testing.T) {
	t.Parallel()
	s := startNotified(t, map[string]string{"RATE_LIMIT": "1/m,burst=3"})
	limited := 0
	for range 10 {
		if got := s.notify(t, "{}", "t=1,v1=00"); got.status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited == 0 || limited == 10 {
		t.Errorf("%d of 10 forged notifications were limited, want some", limited)
	}
	long := strings.Repeat(" ", inbox.MaxBody+1)
	if got := s.notify(t, long, ""); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of %d bytes: got %d, want 413", len(long), got.status)
	}
}
