package e2e

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// readiness is what /readyz tells.
type readiness struct {
	Status            string
	Postgres          string
	PostgresDownSince *time.Time `json:"postgres_down_since"`
	Redis             string
	RedisDownSince    *time.Time `json:"redis_down_since"`
	StoppingSince     *time.Time `json:"stopping_since"`
}

func (s *shop) readiness(status int) (got readiness) {
	s.t.Helper()
	resp := s.Get("/readyz")
	service.Wants(s.t, "/readyz", resp, status, "")
	resp.JSON(s.t, &got)
	return got
}

// polled is readiness in a loop. A busy machine may take PostgreSQL for down for a moment; nothing else makes the service unready.
func (s *shop) polled() (got readiness) {
	s.t.Helper()
	resp := s.Get("/readyz")
	resp.JSON(s.t, &got)
	if resp.Status != http.StatusOK && got.Postgres != "down" {
		s.t.Errorf("got %s, want 200", resp)
	}
	return got
}

// within tells whether a moment lies between two others; a second may pass until something is noticed, and PostgreSQL counts from
// when it was last seen.
func within(moment *time.Time, from, to time.Time) bool {
	return moment != nil && moment.After(from.Add(-2*time.Second)) && !moment.After(to)
}

func TestReadinessTellsWhatIsDownAndSinceWhen(t *testing.T) {
	t.Parallel()
	pg, cache := stores.PrivatePostgres(t), stores.StartRealRedis(t)
	s := open(t, service.Options{DatabaseURL: pg.URL(), RedisURL: cache.URL(), Env: service.ShortLeases("SHUTDOWN_DELAY", "10m")})
	if got := s.readiness(http.StatusOK); got != (readiness{Status: "ready", Postgres: "up", Redis: "up"}) {
		t.Fatalf("got %+v, want everything up", got)
	}
	options, err := redis.ParseURL(cache.URL())
	if err != nil {
		t.Fatal(err)
	}
	admin := redis.NewClient(options)
	t.Cleanup(func() { _ = admin.Close() })
	full := func(limit string) { // a Redis that answers, with errors
		if err := admin.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
			t.Fatal(err)
		}
		if err := admin.ConfigSet(t.Context(), "maxmemory", limit).Err(); err != nil {
			t.Fatal(err)
		}
	}
	away := func() int { return strings.Count(s.service.Log(), "Redis is away") }
	lines, before := away(), time.Now()
	full("1")
	service.Until(t, "Redis is down", func() bool { return s.polled().Redis == "down" })
	first := s.readiness(http.StatusOK)
	if !within(first.RedisDownSince, before, time.Now()) {
		t.Errorf("Redis is down since %v, want %s", first.RedisDownSince, before)
	}
	if again := s.readiness(http.StatusOK); again.RedisDownSince == nil || !again.RedisDownSince.Equal(*first.RedisDownSince) {
		t.Errorf("got %v and then %v, want one moment", first.RedisDownSince, again.RedisDownSince)
	}
	service.Until(t, "the log has it", func() bool { return away() > lines })
	if n := away() - lines; n != 1 { // a busy machine may add some later, when Redis is back but slow
		t.Errorf("got %d lines that Redis is away, want 1", n)
	}
	full("0")
	service.Until(t, "Redis is up, and not down since", func() bool {
		return s.polled() == readiness{Status: "ready", Postgres: "up", Redis: "up"}
	})

	before = time.Now()
	thaw := service.FreezeWithChildren(t, pg.Pid())
	if got := s.readiness(http.StatusServiceUnavailable); got.Postgres != "down" || !within(got.PostgresDownSince, before, time.Now()) || got.StoppingSince != nil {
		t.Errorf("got %+v, want PostgreSQL down since %s", got, before)
	}
	thaw()
	service.Until(t, "it is ready again", func() bool { return s.Get("/readyz").Status == http.StatusOK })

	before = time.Now()
	s.service.Signal(syscall.SIGTERM)
	service.Until(t, "it is unready", func() bool { return s.Get("/readyz").Status == http.StatusServiceUnavailable })
	if got := s.readiness(http.StatusServiceUnavailable); got.Status != "unready" || got.Postgres != "up" || !within(got.StoppingSince, before, time.Now()) {
		t.Errorf("got %+v, want it to be stopping since %s", got, before)
	}
}
