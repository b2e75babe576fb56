package scaleout

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/service"
)

// logged is one statement that PostgreSQL has executed.
type logged struct {
	session, text, parameters string
}

var (
	logLine   = regexp.MustCompile(`(?m)^<([0-9a-f.]+)> (LOG|DETAIL):  (.*(?:\n\t.*)*)`)
	execution = regexp.MustCompile(`(?s)^(?:execute \S+|statement): (.*)$`)
)

// statements reads what a server's log has from an offset on.
func (s *server) statements(from int64) (list []logged) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "postgres.log"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range logLine.FindAllStringSubmatch(string(text[from:]), -1) {
		session, kind, rest := line[1], line[2], strings.Join(strings.Fields(line[3]), " ")
		if kind == "DETAIL" {
			if n := len(list) - 1; n >= 0 && list[n].session == session {
				list[n].parameters = rest
			}
			continue
		}
		if match := execution.FindStringSubmatch(rest); match != nil {
			list = append(list, logged{session: session, text: match[1]})
		}
	}
	return list
}

func (s *server) logged() int64 {
	s.t.Helper()
	info, err := os.Stat(filepath.Join(s.dir, "postgres.log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return info.Size()
}

// everything lets a merchant do all that a shop does, and returns its id.
func (s *shop) everything(merchant int) uuid.UUID {
	s.t.Helper()
	c := s.clients[merchant][0]
	post := func(path, body string) service.Response {
		r := request{path, s.key(), body}
		first := s.must(s.send(merchant, 0, r))
		s.must(s.send(merchant, 0, r)) // a replay
		return first
	}
	order := func() string { return post("/v1/orders", service.OrderBody).Field("id") }
	pay := func(method string) string {
		return post("/v1/payments", `{"order_id":"`+order()+`","payment_method":"pm_card_visa","capture_method":"`+method+`"}`).Field("id")
	}
	paid := pay("automatic")
	post("/v1/payments/"+paid+"/refunds", `{"amount":10}`)
	held := pay("manual")
	post("/v1/payments/"+held+"/capture", `{"amount":60,"final":false}`)
	post("/v1/payments/"+held+"/cancel", "")
	for _, path := range []string{"/v1/orders", "/v1/payments", "/v1/payments/" + paid, "/v1/refunds", "/v1/events", "/v1/balance"} {
		s.must(c.Get(path))
	}
	id, err := models.ParseID(models.PrefixMerchant, c.MerchantID())
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

var (
	tableNames   = regexp.MustCompile(`\b(?:FROM|JOIN|UPDATE|INTO) "?([a-z_]+)"?`)
	namesOne     = regexp.MustCompile(`\bmerchant_id"? = \$[0-9]+|INSERT INTO [a-z_]+ \(merchant_id,`)
	notOnShards  = regexp.MustCompile(`(?i)\bLISTEN\b|\bNOTIFY\b|pg_notify|nextval|pg_(?:try_)?advisory_lock`)
	sessionState = regexp.MustCompile(`(?i)^(?:SET (?:SESSION )?[a-z_]+|PREPARE|DECLARE|CREATE TEMP)`)
)

// Payments, captures, refunds, voids, replays and lists of two merchants, as PostgreSQL logs them: each statement that reads or
// writes a merchant's table names one merchant, and so does each transaction as a whole. The service's jobs (recovery, cleanup) and its
// deliveries look through all merchants: what they ask is known from their first rounds, before there is a request.
func TestShardingEveryStatementNamesTheMerchant(t *testing.T) {
	t.Parallel()
	primary := startPrimary(t, map[string]string{"log_statement": "all", "log_line_prefix": "<%c> "})
	s := open(t, 1, service.Options{DatabaseURL: primary.URL(), Env: map[string]string{
		"RECOVERY_INTERVAL": "5m", "CLEANUP_INTERVAL": "24h",
	}}, primary.URL(), nil)
	distributed := pairs(t, s.db, `SELECT c.relname, '' FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'merchant_id'
		WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace`)
	for table := range notDistributed() {
		delete(distributed, table)
	}
	s.replicas[0].UntilJobsRan()
	var from int64
	ofJobs := map[string]bool{}
	service.Until(t, "deliveries are looked for", func() (looked bool) {
		from = primary.logged()
		for _, l := range primary.statements(0) {
			ofJobs[l.text] = true
			looked = looked || strings.Contains(l.text, "UPDATE webhook_deliveries")
		}
		return looked
	})
	var shops []uuid.UUID
	for m := range merchants {
		shops = append(shops, s.everything(m))
	}
	all := primary.statements(from)
	touched, open := map[string]bool{}, map[string]map[uuid.UUID]bool{} // by session: the merchants of its transaction
	for _, l := range all {
		l.check(t, distributed, ofJobs, touched)
		switch {
		case strings.HasPrefix(l.text, "BEGIN"):
			open[l.session] = map[uuid.UUID]bool{}
		case l.text == "COMMIT", l.text == "ROLLBACK":
			delete(open, l.session)
		}
		for _, id := range shops {
			if of := open[l.session]; of != nil && strings.Contains(l.parameters, id.String()) {
				if of[id] = true; len(of) > 1 {
					t.Errorf("a transaction is of two merchants: %s", l.text)
				}
			}
		}
	}
	for _, table := range []string{"idempotency_keys", "orders", "payments", "captures", "refunds", "voids", "provider_attempts", "events", "ledger_postings"} {
		if !touched[table] {
			t.Errorf("no statement on %s was seen: too little was looked at", table)
		}
	}
	t.Logf("%d statements on %d of %d distributed tables", len(all), len(touched), len(distributed))
}

func (l logged) check(t *testing.T, distributed map[string]string, ofJobs, touched map[string]bool) {
	t.Helper()
	if notOnShards.MatchString(l.text) || sessionState.MatchString(l.text) {
		t.Errorf("what a shard or a pooler has not: %s", l.text)
	}
	for _, match := range tableNames.FindAllStringSubmatch(l.text, -1) {
		if _, ok := distributed[match[1]]; !ok {
			continue
		}
		touched[match[1]] = true
		if !namesOne.MatchString(l.text) && !ofJobs[l.text] {
			t.Errorf("no merchant is named: %s", l.text)
		}
	}
}
