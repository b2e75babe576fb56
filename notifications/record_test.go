package notifications_test

import (
	"errors"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/receiver"
)

// claimed are deliveries of as many events, each to an endpoint of its own, and the results of their attempts.
func (w *world) claimed(n int) []repository.DeliveryEnd {
	w.Helper()
	for range n {
		w.endpoint(receiver.New(w.T, nil).URL, "order.created")
	}
	w.order()
	claimed, err := w.deliveries.Claim(w.Context(), repository.DeliveryClaim{PerEndpoint: 8, Limit: 2 * n, Lease: time.Hour})
	if err != nil || len(claimed) != n {
		w.Fatalf("claimed %d, %v", len(claimed), err)
	}
	ends := make([]repository.DeliveryEnd, n)
	for i := range claimed {
		ends[i] = repository.DeliveryEnd{
			Delivery: &claimed[i].Delivery, Result: repository.DeliveryResult{Status: models.DeliveryDelivered, Attempted: true},
		}
	}
	return ends
}

func (w *world) count(query string) (n int) {
	w.Helper()
	if err := w.db.SQL().QueryRowContext(w.Context(), query).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

func TestResultsThatWaitTogetherAreRecordedTogether(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil        func(end *repository.DeliveryEnd)
		failed, lost bool // the spoilt one: it can't be recorded; its claim was another replica's by then
	}{
		"all can be recorded":          {spoil: func(*repository.DeliveryEnd) {}},
		"beside one that can't be":     {func(end *repository.DeliveryEnd) { end.Result.Status = "nonsense" }, true, true},
		"beside one that was too late": {func(end *repository.DeliveryEnd) { end.Delivery.Fence++ }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ends := w.claimed(5)
			test.spoil(&ends[2])
			recorded, errs := notifications.New(notifications.Config{Deliveries: w.deliveries}).RecordTogether(t.Context(), ends...)
			for i := range ends {
				spoilt := i == 2
				if recorded[i] == (spoilt && test.lost) || (errs[i] != nil) != (spoilt && test.failed) {
					t.Errorf("beside one that can't be recorded or is late: result %d: %t, %v", i, recorded[i], errs[i])
				}
			}
			transactions := w.count(`SELECT count(DISTINCT xmin::text) FROM webhook_deliveries WHERE status = 'delivered'`)
			if one := transactions == 1; one == test.failed {
				t.Errorf("they were recorded in %d transactions", transactions)
			}
		})
	}
}

// Whether the results were committed isn't known: to store them once more would count an attempt twice.
func TestAResultWhoseCommitIsUnknownIsNotRecordedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ends := w.claimed(3)
	for i := range ends {
		failure := notifications.FailedTimeout
		ends[i].Result = repository.DeliveryResult{Status: models.DeliveryPending, Attempted: true, Next: time.Hour, Error: &failure}
	}
	wire, err := proxy.NewPostgres(t.Context(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wire.Close)
	db, err := postgres.Open(wire.URL(), postgres.Options{MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	wire.Arm(proxy.Fault{Kind: proxy.CutAfterCommit})
	_, errs := notifications.New(notifications.Config{Deliveries: repository.NewWebhookDeliveries(db)}).RecordTogether(t.Context(), ends...)
	for i, err := range errs {
		if !errors.Is(err, idempotency.ErrCommitUnknown) {
			t.Errorf("result %d: %v, want that it isn't known", i, err)
		}
	}
	if n := w.count(`SELECT count(*) FROM webhook_deliveries WHERE attempts = 1`); n != len(ends) {
		t.Errorf("%d of %d deliveries have one attempt each", n, len(ends))
	}
}

// An endpoint whose row is locked costs one wait, and only its own results.
func TestALockedEndpointCostsOnlyItsOwnResults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ends := w.claimed(4)
	locked := ends[0].Delivery
	w.exec(`UPDATE webhook_endpoints SET failing_since = now()`) // a delivered event changes its endpoint's row
	holder, err := w.db.SQL().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback() }()
	if _, err := holder.ExecContext(t.Context(), `SELECT 1 FROM webhook_endpoints WHERE id = $1 FOR UPDATE`, locked.EndpointID); err != nil {
		t.Fatal(err)
	}
	again := ends[0]
	recorded, errs := notifications.New(notifications.Config{Deliveries: w.deliveries}).RecordTogether(t.Context(), append(ends, again)...)
	for i := range recorded {
		if own := i == 0 || i == len(ends); recorded[i] == own || (errs[i] != nil) != own {
			t.Errorf("result %d of %d: %t, %v", i, len(recorded), recorded[i], errs[i])
		}
	}
}
