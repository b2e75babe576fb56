package session_test

import (
	"slices"
	"testing"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/migrations"
)

// What payonce says has happened is on the disk, also where a database takes the risk of losing the last commits. What is
// as durable stays as the operator wants it.
func TestWhatIsAcknowledgedIsOnTheDisk(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"off": "on", "on": "on", "local": "local", "remote_apply": "remote_apply"} {
		t.Run(given, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "UTF8")
			p.set("database", "synchronous_commit", "'"+given+"'")
			if err := migrations.Up(t.Context(), p.url); err != nil {
				t.Fatal(err)
			}
			p.query(`CREATE TABLE committed (how text)`)
			p.query(`CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				INSERT INTO committed VALUES (TG_TABLE_NAME || ' ' || current_setting('synchronous_commit')); RETURN NULL; END $$`)
			var all []string
			for _, table := range []string{"api_keys", "idempotency_keys", "merchants", "orders"} {
				p.query(`CREATE TRIGGER noted AFTER INSERT OR UPDATE ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION noted()`)
				all = append(all, table+" "+want)
			}
			db, err := postgres.Open(p.url, postgres.Options{MaxConns: 2})
			if err != nil {
				t.Fatal(err)
			}
			p.lives(db, 0)
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if got := p.column(p.url, `SELECT DISTINCT how FROM committed ORDER BY 1`); !slices.Equal(got, all) {
				t.Errorf("got %q, want %q", got, all)
			}
		})
	}
}
