package postgres

import (
	"strings"
	"testing"
)

func TestAStatementIsNamedByItsVerbAndTable(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`SELECT "orders"."id" FROM "orders" WHERE merchant_id = $1`:             "SELECT orders",
		`INSERT INTO api_keys (id) VALUES ($1)`:                                 "INSERT api_keys",
		`UPDATE merchants SET name = $1`:                                        "UPDATE merchants",
		"WITH due AS (SELECT id FROM webhook_deliveries LIMIT 1) DELETE FROM x": "WITH webhook_deliveries",
		`SELECT extract(epoch FROM now())`:                                      "SELECT",
		`SELECT 'a canary FROM Canary7'`:                                        "SELECT",
		`-- ping`:                                                               "PING",
		`ROLLBACK`:                                                              "ROLLBACK",
		``:                                                                      "",
	} {
		if got := verbAndTable(sql); got != want {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
	}
}

func TestASummaryIsBounded(t *testing.T) {
	t.Parallel()
	if got := summary([]statement{{label: "begin"}, {label: "commit"}}); got != "begin, commit" {
		t.Errorf("got %q", got)
	}
	many := make([]statement, 100)
	for i := range many {
		many[i].label = "insert the posting"
	}
	if got := summary(many); len(got) > maxSummary || !strings.HasSuffix(got, ", …") {
		t.Errorf("got %d bytes: %q", len(got), got)
	}
}
