package upgrade

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

const (
	buyers = 4
	// noticed is a wait that a client would notice. A migration waits for its locks at most 5 s at a time, and everything
	// else waits behind it; on a machine that runs other tests a request alone may take seconds.
	noticed = 15 * time.Second
)

// market is requests that go on while releases change: each order is made and paid at one replica and asked for again at
// another.
type market struct {
	t        *testing.T
	mu       sync.Mutex
	history  []check.Event
	serving  sync.RWMutex // held for reading while requests are on their way
	replicas []*service.Client
	stop     chan struct{}
	ending   sync.Once
	buying   sync.WaitGroup
	paid     int
	longest  time.Duration
}

func (m *market) record(e check.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.history = append(m.history, e)
}

// serve returns when no request is on its way to another replica than these.
func (m *market) serve(replicas ...*service.Client) {
	m.serving.Lock()
	defer m.serving.Unlock()
	m.replicas = replicas
}

func (m *market) open() {
	m.t.Cleanup(m.close)
	for buyer := range buyers {
		m.buying.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-m.stop:
					return
				default:
					m.buy(buyer, n)
				}
			}
		})
	}
}

// close ends what goes on; twice is as once.
func (m *market) close() {
	m.ending.Do(func() { close(m.stop) })
	m.buying.Wait()
}

// buy makes an order and pays it, and sends both again, elsewhere where there is an elsewhere.
func (m *market) buy(buyer, n int) {
	key := fmt.Sprintf("%d-%d", buyer, n)
	order := m.twice(n, "/v1/orders", "order-"+key, service.OrderBody)
	payment := m.twice(n, "/v1/payments", "payment-"+key, service.PaymentBody(order.Field("id"), "pm_card_visa"))
	if payment.Field("status") == "succeeded" {
		m.mu.Lock()
		m.paid++
		m.mu.Unlock()
	}
}

func (m *market) twice(n int, path, key, body string) service.Response {
	m.serving.RLock()
	first := patient(m.replicas[n%len(m.replicas)], path, key, body)
	again := patient(m.replicas[(n+1)%len(m.replicas)], path, key, body)
	m.serving.RUnlock()
	m.mu.Lock()
	m.longest = max(m.longest, first.Took, again.Took)
	m.mu.Unlock()
	if first.Status != http.StatusCreated || !again.Replayed() || !again.Same(first) {
		m.t.Errorf("%s %s: got %s, then %s", path, key, first, again)
		m.ending.Do(func() { close(m.stop) })
	}
	return first
}

// patient sends again what waited in vain for a migration's lock, and what is told then that a try before is still under way.
func patient(c *service.Client, path, key, body string) (resp service.Response) {
	for began := time.Now(); ; <-time.After(20 * time.Millisecond) {
		resp = c.Post(path, key, body)
		if resp.Status != http.StatusServiceUnavailable && resp.Code() != "idempotency-request-in-flight" || time.Since(began) > noticed {
			return resp
		}
	}
}

// sold waits until some more were paid.
func (m *market) sold(more int) {
	m.t.Helper()
	count := func() int { m.mu.Lock(); defer m.mu.Unlock(); return m.paid }
	from := count()
	service.Within(m.t, 2*time.Minute, "payments go on", func() bool { return count() >= from+more })
}

func TestTheReleaseBeforeAndThisOneServeSideBySide(t *testing.T) {
	t.Parallel()
	program := before(t)
	old := service.Start(t, service.Options{Program: program, DatabaseURL: stores.EmptyDatabase(t)})
	m := &market{t: t, stop: make(chan struct{})}
	atOld := firstMerchant(t, program, old).Recorded(m.record).AtReleaseBefore()
	m.serve(atOld)
	m.open()
	m.sold(20)

	opt := old.Options
	opt.Program = ""
	migrateUp(t, opt)
	m.sold(20) // by the old release over the new schema
	replica := service.Start(t, opt)
	m.serve(atOld, atOld.At(replica))
	m.sold(40) // each replays what the other did

	m.serve(atOld.At(replica))
	if code := old.Stop(); code != 0 {
		t.Errorf("the release before ended with %d", code)
	}
	ended := time.Now()
	m.sold(20)
	m.close()
	t.Logf("%d payments; the longest request took %s", m.paid, m.longest)
	if m.longest > noticed {
		t.Errorf("a request took %s", m.longest)
	}
	m.judge(old, ended)
}

// firstMerchant is made by the release before, whose schema it has.
func firstMerchant(t *testing.T, program string, s *service.Service) *service.Client {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, "merchant", "create", "--name", "First", "--json")
	command.Env = s.Environment()
	out, err := command.Output()
	var made struct {
		ID     string `json:"id"`
		APIKey string `json:"api_key"`
	}
	if err == nil {
		err = json.Unmarshal(out, &made)
	}
	if err != nil {
		t.Fatalf("merchant create: %v: %s", err, out)
	}
	return s.Client(made.APIKey).Of(made.ID)
}

// migrateUp applies this release's migrations, while the release before serves.
func migrateUp(t *testing.T, opt service.Options) {
	t.Helper()
	command := exec.CommandContext(t.Context(), service.Binary(t), "migrate", "up")
	command.Env = []string{"DATABASE_URL=" + opt.DatabaseURL, "SECRET_KEY=" + service.SecretKey, "HOME=" + t.TempDir()}
	began := time.Now()
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("migrate up: %v: %s", err, out)
	}
	t.Logf("migrated in %s", time.Since(began))
}

// judge holds everything that was seen against what is stored and what the provider did. A release before may have had fewer events.
func (m *market) judge(s *service.Service, ended time.Time) {
	m.t.Helper()
	db, err := sql.Open("pgx", s.Options.DatabaseURL)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	secret, err := base64.StdEncoding.DecodeString(service.SecretKey)
	if err != nil {
		m.t.Fatal(err)
	}
	report, err := check.Run(context.Background(), check.Input{
		DB: db, Secrets: [][]byte{secret}, Charges: s.Simulator.Charges(), History: check.Events(slices.Clone(m.history)), SameClock: true,
		TellsFrom: ended,
	})
	if err != nil || !report.OK() || report.Outcomes == 0 {
		m.t.Errorf("%v\n%s", err, report)
	}
}
