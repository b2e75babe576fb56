package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// noteCommits lets each table note, at the COMMIT of each change in it, whether that COMMIT waits for the disk.
const noteCommits = `CREATE TABLE noted (change text NOT NULL, waits text NOT NULL);
CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO noted VALUES (lower(TG_OP) || ' ' || TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN NULL; END $$;
DO $$ DECLARE name text; BEGIN
	FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'noted' LOOP
		EXECUTE format('CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT OR UPDATE OR DELETE ON %I
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_commit()', name);
	END LOOP;
	EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
END $$`

// Where the database takes the risk of losing its last commits, each operation's are on the disk all the same before it is
// acknowledged, however many statements and round trips it takes, and whether the client's request or a job finds the outcome.
func TestEachOperationIsOnTheDiskBeforeItIsAcknowledged(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: service.ShortLeases("WEBHOOK_ALLOW_LOOPBACK", "on")})
	if _, err := s.db.ExecContext(context.Background(), noteCommits); err != nil {
		t.Fatal(err)
	}
	s.service.Restart() // its sessions have the database's default now
	post := func(path, key, body string, status int) service.Response {
		resp := service.Insist(t, key, func() service.Response { return s.Post(path, key, body) })
		service.Wants(t, key, resp, status, "")
		return resp
	}
	pay := func(key, more string) string {
		return post("/v1/payments", key, `{"order_id":"`+s.CreateOrder()+`",`+more+`}`, http.StatusCreated).Field("id")
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	post("/v1/webhook-endpoints", "endpoint", `{"url":"`+receiver.URL+`","events":["*"]}`, http.StatusCreated)
	paid := pay("automatic", `"payment_method":"pm_card_visa"`)
	post("/v1/payments/"+paid+"/refunds", "refund", `{"amount":10}`, http.StatusCreated)
	held := pay("manual", `"payment_method":"pm_card_visa","capture_method":"manual"`)
	post("/v1/payments/"+held+"/capture", "capture", `{"amount":60,"final":false}`, http.StatusOK)
	post("/v1/payments/"+held+"/cancel", "cancel", "", http.StatusOK)
	given := s.CreateOrder()
	service.Wants(t, "given up", s.pay(given, "pm_card_visa", "given-up"), http.StatusCreated, "")
	service.Insist(t, "given up", func() service.Response { return s.Post("/v1/idempotency-keys/given-up/cancel", "gives-up", "") })
	canceled := s.CreateOrder()
	post("/v1/orders/"+canceled+"/cancel", "cancel-order", "", http.StatusOK)
	late := s.pay(s.CreateOrder(), "pm_sim_timeout_charged", "late")
	service.Wants(t, "late", late, http.StatusAccepted, "")
	service.Until(t, "its outcome is found", func() bool { return s.Get("/v1/payments/"+late.Field("id")).Field("status") == "succeeded" })
	for _, change := range []string{
		"insert orders", "update orders", "insert payments", "update payments", "insert captures", "update captures", "insert refunds", "update refunds",
		"insert voids", "update voids", "insert provider_attempts", "update provider_attempts", "insert undos", "insert events", "insert ledger_postings",
		"insert idempotency_keys", "update idempotency_keys", "insert webhook_endpoints", "insert webhook_deliveries",
	} {
		if s.number("SELECT count(*) FROM noted WHERE change = $1", change) == 0 {
			t.Errorf("no %s was seen: too little was looked at", change)
		}
		if change == "update provider_attempts" {
			continue // recovery writes the time of its next look there, which no client waits for; an outcome is written with the payment
		}
		if n := s.number("SELECT count(*) FROM noted WHERE change = $1 AND waits = 'off'", change); n > 0 {
			t.Errorf("%d x %s was committed without waiting for the disk", n, change)
		}
	}
}
