package faults

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// A rolling deployment: the new version has migrated and written values of its own format into Redis while the old one
// still serves. Each finishes and replays what the other began.
func TestF34TwoVersionsAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		old, harmed []string
	}{
		{name: "the new one is killed", old: service.Failpoints(), harmed: nextVersion(t)},
		{name: "the old one is killed", old: nextVersion(t), harmed: service.Failpoints()},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t, options{build: test.old, other: test.harmed})
			w.bothReplay()
			all := w.holdEverywhere()
			w.harmed.Kill()
			w.toPostgres.ResetAll()
			w.arrive()
			w.judge("F34", all, (*held).left)
			if n := w.number("SELECT count(*) FROM information_schema.columns WHERE column_name = 'from_the_next_version'"); n != 2 {
				t.Errorf("%d columns are there of the new version's", n)
			}
		})
	}
}

// bothReplay: what either version answered first, the other one answers from Postgres; it can't read the other's value in
// Redis, or has it replaced by one of its own.
func (w *world) bothReplay() {
	w.t.Helper()
	for range 3 {
		for _, by := range [][2]*service.Client{{w.client, w.other}, {w.other, w.client}} {
			key, order := newKey(), w.other.CreateOrder()
			first := by[0].Pay(order, "pm_card_visa", key)
			service.Wants(w.t, "first", first, http.StatusCreated, "")
			for _, c := range []*service.Client{by[1], by[0]} {
				if again := c.Pay(order, "pm_card_visa", key); !again.Replayed() || !again.Same(first) {
					w.t.Errorf("first %s\nreplay %s", first, again)
				}
			}
		}
	}
	for _, s := range []*service.Service{w.harmed, w.survivor} {
		if s.Metric(`payonce_redis_failures_total{outcome="bad_value:version"}`) == 0 {
			w.t.Error("no value of another version was met in Redis")
		}
	}
}

// nextVersion are the build's arguments for a version after this one: a format more of values in Redis, and a migration
// that adds what this version knows nothing of.
func nextVersion(t *testing.T) []string {
	t.Helper()
	value := filepath.Join(moduleRoot(t), "idempotency", "redis", "value.go")
	source, err := os.ReadFile(value)
	if err != nil {
		t.Fatal(err)
	}
	const version = "valueVersion   = 1\n"
	if strings.Count(string(source), version) != 1 {
		t.Fatalf("%s looks different: adapt the replacement", value)
	}
	return append(service.Failpoints(), "-overlay="+overlay(t, map[string]string{
		value: strings.Replace(string(source), version, "valueVersion = 99\n", 1),
		filepath.Join(moduleRoot(t), "migrations", "99999_the_next_version.sql"): nextMigration,
	}))
}

const nextMigration = `-- +goose Up
ALTER TABLE idempotency_keys ADD COLUMN from_the_next_version text;
ALTER TABLE payments ADD COLUMN from_the_next_version text NOT NULL DEFAULT 'unknown';
-- +goose Down
ALTER TABLE payments DROP COLUMN from_the_next_version;
ALTER TABLE idempotency_keys DROP COLUMN from_the_next_version;
`

func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}
