package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/app"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/wait"
)

// issue makes another API key of the first merchant.
func (s *api) issue(t *testing.T, terms models.KeyTerms) (keyID, key string) {
	t.Helper()
	merchants := service.Merchants(t, s.Options.DatabaseURL)
	first, err := merchants.FindKey(t.Context(), s.keyID)
	if err != nil {
		t.Fatal(err)
	}
	if keyID, key, err = merchants.IssueKey(t.Context(), first.MerchantID, terms); err != nil {
		t.Fatal(err)
	}
	return keyID, key
}

func TestAnAPIKeyOpensTheRoutesOfItsScopesAndNoOthers(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	keys := map[string]string{"*": s.key}
	for _, scope := range []string{"read", "write", "refunds", "webhooks", "admin", "write,refunds"} {
		scopes, err := models.ParseScopes(scope)
		if err != nil {
			t.Fatal(err)
		}
		_, keys[scope] = s.issue(t, models.KeyTerms{Scopes: scopes})
	}
	for _, route := range index(&app.App{}) {
		if route.scope == public {
			continue
		}
		for scopes, key := range keys {
			missing := lacks(scopes, string(route.scope))
			c := call{method: route.method, path: parameter.ReplaceAllString(route.path, "nothing"), token: key}
			if route.endpoint.idempotent {
				c.key = uuid.NewString()
			}
			got := s.do(t, c)
			if (got.status == http.StatusForbidden) != (missing != "") {
				t.Errorf("%s %s with %s: got %d, the key lacks %q", c.method, c.path, scopes, got.status, missing)
				continue
			}
			if missing == "" {
				continue
			}
			safe, said := got.field(t, "safe_new_key").(bool)
			if got.text(t, "code") != "forbidden" || safe || !said || !strings.Contains(got.text(t, "detail"), `"`+missing+`"`) {
				t.Errorf("%s %s with %s: got %s, want forbidden, naming %q", c.method, c.path, scopes, got.body, missing)
			}
		}
	}
}

// lacks is the first scope that a list lacks; "" when it lacks none.
func lacks(scopes, needed string) string {
	for scope := range strings.FieldsSeq(needed) {
		if scopes != "*" && scopes != "admin" && !strings.Contains(","+scopes+",", ","+scope+",") {
			return scope
		}
	}
	return ""
}

// Each replica serves the replay from another level: its memory, Redis, or PostgreSQL.
func TestAKeyThatHasEndedGetsNoReplayFromAnyLevel(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := call{method: "POST", path: "/v1/orders", key: "k", body: `{"amount":1999,"currency":"EUR"}`}
	if first := s.do(t, order); first.status != http.StatusCreated {
		t.Fatalf("%d %s", first.status, first.body)
	}
	replicas := map[string]*service.Service{
		"memory": s.Service, "Redis": s.Replica(nil), "PostgreSQL": s.Replica(map[string]string{"REDIS_URL": stores.Redis(t)}),
	}
	readOnly, err := models.ParseScopes("read")
	if err != nil {
		t.Fatal(err)
	}
	revokedID, revoked := s.issue(t, models.KeyTerms{})
	_, limited := s.issue(t, models.KeyTerms{Scopes: readOnly})
	soon := time.Now().Add(3 * time.Second)
	_, expired := s.issue(t, models.KeyTerms{ExpiresAt: &soon})
	replay := func(at *service.Service, key string) service.Response {
		return at.Client(key).Send(t.Context(), order.method, order.path, order.key, order.body)
	}
	for _, at := range replicas { // so that the replicas know the keys
		replay(at, expired)
		if got := replay(at, revoked); got.Status != http.StatusCreated || !got.Replayed() {
			t.Errorf("before it is revoked: %s", got)
		}
	}
	if err := service.Merchants(t, s.Options.DatabaseURL).RevokeKey(t.Context(), revokedID); err != nil {
		t.Fatal(err)
	}
	for level, at := range replicas {
		for name, key := range map[string]string{"expired": expired, "revoked": revoked} {
			wait.Within(t, 30*time.Second, "the "+name+" key is refused a replay from "+level, func() bool {
				return replay(at, key).Status == http.StatusUnauthorized
			})
		}
		if got := replay(at, limited); got.Status != http.StatusForbidden || got.Replayed() {
			t.Errorf("a key without the scope gets from %s: %s", level, got)
		}
		if got := replay(at, s.key); got.Status != http.StatusCreated || !got.Replayed() {
			t.Errorf("a valid key gets from %s: %s", level, got)
		}
	}
}

// Two keys of a merchant share everything: what was sent with the old one is replayed with the new one.
func TestAKeyIsReplacedByASecondOneWithoutAGap(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := call{method: "POST", path: "/v1/orders", key: "k", body: `{"amount":1999,"currency":"EUR"}`}
	first := s.do(t, order)
	_, order.token = s.issue(t, models.KeyTerms{Name: "new"})
	checkReplay(t, first, s.do(t, order))
	if err := service.Merchants(t, s.Options.DatabaseURL).RevokeKey(t.Context(), s.keyID); err != nil {
		t.Fatal(err)
	}
	checkReplay(t, first, s.do(t, order))
}

func TestTheUseOfAKeyIsWrittenDown(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	s.do(t, call{method: "GET", path: "/v1/balance"})
	merchants := service.Merchants(t, s.Options.DatabaseURL)
	wait.Within(t, time.Minute, "last_used_at is written", func() bool {
		key, err := merchants.FindKey(t.Context(), s.keyID)
		return err == nil && key.LastUsedAt != nil && time.Since(*key.LastUsedAt) < 5*time.Minute
	})
}

func TestAStartWithoutAMerchantSaysHowToMakeOne(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	const advice = "payonce merchant create --name"
	wait.Within(t, time.Minute, "the start says how to make a merchant", func() bool { return strings.Contains(s.Output(), advice) })
	service.Merchant(t, s.Options.DatabaseURL)
	s.Restart()
	if strings.Contains(s.Output(), advice) {
		t.Errorf("there is a merchant, and the start says %q", s.Output())
	}
}
