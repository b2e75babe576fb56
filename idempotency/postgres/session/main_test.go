package session_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the tests' own connections

	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }

// place is a database and a role of its own, whose defaults a test changes.
type place struct {
	*testing.T
	admin    *sql.DB
	database string
	role     string
	url      string // as the role, which owns the database
	direct   string // the same, without what stands between
}

func newPlace(t *testing.T, encoding string) *place {
	t.Helper()
	server := stores.EmptyDatabase(t)
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	suffix := fmt.Sprintf("%016x", rand.Uint64())
	p := &place{T: t, admin: admin, database: "odd_" + suffix, role: "shop_" + suffix}
	t.Cleanup(func() { // not p.Context(), which has ended by then
		for _, statement := range []string{"DROP DATABASE IF EXISTS " + p.database + " WITH (FORCE)", "DROP ROLE IF EXISTS " + p.role} {
			if _, err := admin.ExecContext(context.Background(), statement); err != nil {
				t.Error(err)
			}
		}
		_ = admin.Close()
	})
	p.exec("CREATE ROLE " + p.role + " LOGIN")
	p.exec("CREATE DATABASE " + p.database + " OWNER " + p.role + " TEMPLATE template0 LOCALE 'C' ENCODING '" + encoding + "'")
	p.direct = p.as(server)
	p.url = p.direct
	return p
}

// as is the URL of the place, as its role.
func (p *place) as(server string) string {
	p.Helper()
	config, err := pgx.ParseConfig(server)
	if err != nil {
		p.Fatal(err)
	}
	query := url.Values{"host": {config.Host}, "port": {fmt.Sprint(config.Port)}}
	return "postgres://" + p.role + "@/" + p.database + "?" + query.Encode()
}

func (p *place) exec(statement string) {
	p.Helper()
	if _, err := p.admin.ExecContext(p.Context(), statement); err != nil {
		p.Fatalf("%s: %v", statement, err)
	}
}

// set changes a default at one level.
func (p *place) set(level, setting, value string) {
	p.Helper()
	whose := map[string]string{"database": "DATABASE " + p.database, "role": "ROLE " + p.role}[level]
	p.exec("ALTER " + whose + " SET " + setting + " = " + value)
}
