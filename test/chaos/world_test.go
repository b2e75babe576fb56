package chaos

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

const (
	replicas        = 2
	merchants       = 4
	providerTimeout = time.Second
	lease           = 2 * time.Second
	recovery        = 100 * time.Millisecond
	tooLate         = 300 * time.Millisecond // for a fault
)

// world is two replicas, all that they stand on, and all that is written down about them.
type world struct {
	t         *testing.T
	folder    string
	postgres  *embedded.Postgres
	db        *sql.DB
	redis     *stores.RealRedis
	cache     *redis.Client
	provider  *service.Simulator
	replicas  [replicas]*replica
	shoppers  [merchants][replicas]*service.Client
	owners    [merchants]*service.Client // the same merchants; what they are told is not written down
	endpoints [merchants]*endpoint
	again     int // deliveries that were asked for again
	history   *check.Recorder

	mu     sync.Mutex
	faults []check.Fault
	away   [replicas][]check.Fault // while a replica could serve no request
	struck map[string]int
}

// replica is one process with proxies on each of its sides.
type replica struct {
	service  *service.Service
	front    *proxy.HTTP
	postgres *proxy.Postgres
	redis    *proxy.Redis
	provider *proxy.HTTP
}

func makeWorld(t *testing.T, folder string, shortRetention time.Duration) *world {
	t.Helper()
	w := &world{t: t, folder: folder, struck: map[string]int{}}
	w.postgres = stores.TunedPostgres(t, settings())
	w.redis = stores.StartRealRedis(t)
	w.provider = service.StartSimulator(t)
	options, err := redis.ParseURL(w.redis.URL())
	w.must(err)
	options.ReadTimeout, options.MaxRetries = restartLimit, 20 // it is frozen at times
	w.cache = redis.NewClient(options)
	t.Cleanup(func() { _ = w.cache.Close() })
	w.must(migrations.Up(t.Context(), w.postgres.URL()))
	w.must(makeClock(t.Context(), w.postgres.URL()))
	w.db, err = sql.Open("pgx", w.postgres.URL())
	w.must(err)
	t.Cleanup(func() { _ = w.db.Close() })
	w.history, err = check.Record(w.path("history.jsonl.gz"))
	w.must(err)
	for i := range w.replicas {
		retention := 24 * time.Hour
		if i > 0 { // what this one completes is soon a tombstone: cleanup always has something to do
			retention = shortRetention
		}
		w.replicas[i] = w.makeReplica(i, retention)
	}
	for m := range w.shoppers {
		id, key := service.Merchant(t, w.postgres.URL())
		w.owners[m] = w.replicas[0].service.Client(key).Of(id).Via(w.replicas[0].front.URL())
		for i, r := range w.replicas {
			w.shoppers[m][i] = r.service.Client(key).Of(id).Via(r.front.URL()).Recorded(w.history.Add)
		}
	}
	w.openEndpoints()
	return w
}

// settings of PostgreSQL: it keeps the time of each commit, before which nothing may be seen; and after a crash it does not
// fsync its files one by one, which takes seconds on a busy disk and protects from other crashes than these.
func settings() map[string]string {
	settings := map[string]string{"track_commit_timestamp": "on"}
	if runtime.GOOS == "linux" {
		settings["recovery_init_sync_method"] = "syncfs"
	}
	return settings
}

func (w *world) makeReplica(number int, retention time.Duration) *replica {
	w.t.Helper()
	r := &replica{}
	var errs [4]error
	// Not the test's context: the replica, which speaks through them, ends after it does.
	r.postgres, errs[0] = proxy.NewPostgres(context.Background(), w.postgres.URL())
	r.redis, errs[1] = proxy.NewRedis(context.Background(), w.redis.URL())
	r.provider, errs[2] = proxy.NewHTTP(context.Background(), w.provider.URL())
	w.must(errors.Join(errs[:]...))
	w.t.Cleanup(r.postgres.Close)
	w.t.Cleanup(r.redis.Close)
	w.t.Cleanup(r.provider.Close)
	r.service = service.Start(w.t, service.Options{
		DatabaseURL: r.postgres.URL(), RedisURL: r.redis.URL(), ProviderURL: r.provider.URL(),
		LogFile: w.path(fmt.Sprintf("replica-%d.log", number)),
		Env: map[string]string{
			"PROVIDER_TIMEOUT": providerTimeout.String(), "COMPLETION_BUDGET": "1s", "IDEMPOTENCY_LEASE": lease.String(),
			"RECOVERY_INTERVAL": recovery.String(), "PROVIDER_SETTLE": "200ms", "CLEANUP_INTERVAL": "200ms", "ACTION_TIMEOUT": actionTimeout.String(),
			"IDEMPOTENCY_RETENTION": retention.String(), "LOG_LEVEL": "info",
			"WEBHOOK_ALLOW_LOOPBACK": "on", "WEBHOOK_TIMEOUT": webhookTimeout.String(),
		},
	})
	var err error
	r.front, err = proxy.NewHTTP(context.Background(), r.service.URL())
	w.must(err)
	w.t.Cleanup(r.front.Close)
	return r
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.folder, name) }

// unleash lets the plan happen, and returns when everything stands again.
func (w *world) unleash(p plan, length time.Duration) {
	began := time.Now()
	var lanes sync.WaitGroup
	for _, strikes := range p.lanes() {
		lanes.Go(func() {
			for _, s := range strikes {
				w.pause(time.Until(began.Add(s.at)))
				// On a slow machine a lane is late. What it can't do in time it leaves out, or it would kill replicas
				// faster than they start; but everything has to happen once.
				if time.Since(began.Add(s.at)) < tooLate || !w.happened(s) {
					w.strike(s)
				}
			}
		})
	}
	w.pause(time.Until(began.Add(length)))
	lanes.Wait()
}

func (w *world) strike(s strike) {
	began := time.Now()
	s.fault.do(w, s)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.struck[s.fault.name]++
	f := check.Fault{
		Kind: s.fault.name, Target: s.lane(), Began: check.At(began), Ended: check.At(time.Now()), Stops: s.fault.stops,
	}
	w.faults = append(w.faults, f)
	if s.fault.blocks {
		w.away[s.replica] = append(w.away[s.replica], f)
	}
}

// outages are when neither replica could serve a request.
func (w *world) outages() (list []check.Fault) {
	for _, first := range w.away[0] {
		for _, second := range w.away[1] {
			began, ended := max(first.Began, second.Began), min(first.Ended, second.Ended)
			if began < ended {
				list = append(list, check.Fault{Kind: first.Kind + " and " + second.Kind, Target: "both replicas", Began: began, Ended: ended, Stops: true})
			}
		}
	}
	return list
}

func (w *world) happened(s strike) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.struck[s.fault.name] > 0
}

// hits adds up what the proxies broke.
func (w *world) hits() map[proxy.Kind]int64 {
	sum := map[proxy.Kind]int64{}
	for _, r := range w.replicas {
		for _, p := range []*proxy.Proxy{r.postgres.Proxy, r.redis.Proxy, r.provider.Proxy, r.front.Proxy} {
			for kind, n := range p.Counts() {
				sum[kind] += n
			}
		}
	}
	return sum
}

// openRows is what has no outcome yet, and what is not settled at the provider: payments, what was asked for on them, what waits for
// a customer or a bank, and what is to be undone. What needs a person stays, and so does the undoing of that.
const openRows = `SELECT (SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress' AND created_at < $1),
	(SELECT count(*) FROM payments WHERE status = 'processing' AND status_reason IS DISTINCT FROM 'needs_review') +
	(SELECT count(*) FROM provider_attempts WHERE status IN ('sent', 'unknown', 'accepted') AND operation <> 'authorize') +
	(SELECT count(*) FROM payments WHERE status = 'requires_action') +
	(SELECT count(*) FROM undos u JOIN payments p ON p.merchant_id = u.merchant_id AND p.id = u.payment_id
		WHERE u.ended_at IS NULL AND p.status_reason IS DISTINCT FROM 'needs_review')`

// open counts the keys that were in progress before a moment, and what is not settled.
func (w *world) open(before time.Time) (keys, unsettled int) {
	if err := w.db.QueryRowContext(context.Background(), openRows, before).Scan(&keys, &unsettled); err != nil {
		w.t.Errorf("count what is open: %v", err)
	}
	return keys, unsettled
}

// left are the rows of what is not settled, for a person who has to find out why.
func (w *world) left() (list []string) {
	rows, err := w.db.QueryContext(context.Background(), `SELECT concat_ws(' ', a.operation, a.status, 'checks', a.checks, 'sends', a.sends,
			'next', a.next_check_at - clock_timestamp(), 'reference', a.provider_reference, a.provider_code, 'payment', p.id, p.status,
			p.status_reason, 'captured', p.amount_captured, p.amount_capturing, 'refunded', p.amount_refunded, p.amount_refunding,
			'void', v.status, v.status_reason, v.reason, 'capture', c.status, c.status_reason, 'refund', r.status, r.status_reason,
			'undo', u.tries, u.operation_id, u.next_try_at - clock_timestamp())
		FROM provider_attempts a JOIN payments p ON p.merchant_id = a.merchant_id AND p.id = a.payment_id
		LEFT JOIN voids v ON v.merchant_id = a.merchant_id AND v.id = a.operation_id
		LEFT JOIN captures c ON c.merchant_id = a.merchant_id AND c.id = a.operation_id
		LEFT JOIN refunds r ON r.merchant_id = a.merchant_id AND r.id = a.operation_id
		LEFT JOIN undos u ON u.merchant_id = a.merchant_id AND u.payment_id = a.payment_id AND u.ended_at IS NULL
		WHERE p.status_reason IS DISTINCT FROM 'needs_review' AND (a.status IN ('sent', 'unknown', 'accepted') OR p.status IN ('processing', 'requires_action')
			OR u.key IS NOT NULL) ORDER BY a.sent_at LIMIT 40`)
	w.must(err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		w.must(rows.Scan(&text))
		list = append(list, text)
	}
	w.must(rows.Err())
	return list
}

// operations counts what was asked of the provider, by operation and what became of it, and what else was ended or undone.
func (w *world) operations() (list []string, succeeded map[string]int) {
	succeeded = map[string]int{}
	rows, err := w.db.QueryContext(context.Background(), `SELECT operation, status, count(*) FROM provider_attempts GROUP BY 1, 2
		UNION ALL SELECT 'key given up', coalesce(effect, 'pending'), count(*) FROM undos GROUP BY 1, 2
		UNION ALL SELECT 'key spent', 'succeeded', count(*) FROM idempotency_keys WHERE state = 'expired' AND status IS NULL GROUP BY 1, 2
		UNION ALL SELECT 'payment ended', status_reason, count(*) FROM payments WHERE status IN ('canceled', 'expired') GROUP BY 1, 2
		UNION ALL SELECT 'order canceled', 'succeeded', count(*) FROM orders WHERE canceled_at IS NOT NULL GROUP BY 1, 2
		ORDER BY 1, 2`)
	w.must(err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var what, status string
		var n int
		w.must(rows.Scan(&what, &status, &n))
		list = append(list, fmt.Sprintf("%-16s %-22s %7d", what, status, n))
		if status == "succeeded" || what == "key given up" {
			succeeded[what] += n
		}
	}
	w.must(rows.Err())
	return list, succeeded
}

// writeFaults keeps the list for the checker's program.
func (w *world) writeFaults() {
	file, err := os.Create(w.path("faults.jsonl"))
	w.must(err)
	encoder := json.NewEncoder(file)
	for _, f := range w.faults {
		err = errors.Join(err, encoder.Encode(f))
	}
	w.must(errors.Join(err, file.Close()))
}

// pause waits for d.
func (w *world) pause(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// wait asks until ok, for d at most. It tells whether ok came.
func (w *world) wait(d time.Duration, ok func() bool) bool {
	for limit := time.Now().Add(d); !ok(); w.pause(5 * time.Millisecond) {
		if time.Now().After(limit) {
			return false
		}
	}
	return true
}

// idOf writes a row's id as clients know it.
func idOf(prefix, id string) string { return models.FormatID(prefix, uuid.MustParse(id)) }
