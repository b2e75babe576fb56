package security

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// Requests of all kinds, the failing ones too, at the most talkative level. Whatever is secret holds a canary: nothing that
// the service writes may hold one, nor an API key, nor a card number.
func TestNoSecretIsWrittenDown(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	database := pg.URL() + "&password=" + canary + "-database"
	s := attack(t, service.Options{DatabaseURL: database, RedisURL: "redis://user:" + canary + "-redis@127.0.0.1:1/0", Env: service.ShortLeases("PROVIDER_SECRET_KEY", "sk_test_"+canary+"_provider", "PROVIDER_SETTLE", "100ms")})
	s.payments(t)
	s.refusedRequests(t)
	s.service.Simulator.RefuseConnections()
	service.Wants(t, "a provider that is away", s.pay(t, "refused", "pm_card_visa"), 503, "unavailable")
	metrics := s.series(t) // fails itself when it holds a canary
	if len(metrics) < 50 {
		t.Errorf("%d metrics", len(metrics))
	}
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/orders", "/v1/balance", "/v1/idempotency-keys/" + canary} {
		service.Wants(t, path+" without Postgres", s.mine.send(t, "GET", path, "", ""), 503, "unavailable")
	}
	service.Wants(t, "an order without Postgres", s.mine.send(t, "POST", "/v1/orders", canary+"-away", order(canary)), 503, "unavailable")
	s.mine.send(t, "GET", "/readyz", "", "")
	s.series(t)
	s.service.Stop()
	written := s.service.Log() + s.service.Output()
	for what, secret := range map[string]string{
		"a canary": canary, "an API key": s.mine.client.APIKey(), "an API key's secret": s.mine.client.APIKey()[29:], "SECRET_KEY": service.SecretKey,
		"a card number": "4242424242424242", "a card number in groups": "4242 4242", "a stack": "goroutine ", "Authorization": "Bearer",
	} {
		if at := strings.Index(written, secret); at >= 0 {
			t.Errorf("%s stands in the log: %.500q", what, written[max(0, at-250):])
		}
	}
	if n := strings.Count(written, `"msg":"request"`); n < 40 {
		t.Errorf("only %d lines about requests: was anything written at all?", n)
	}
}

// pay makes an order and pays it, with a canary wherever a client may write.
func (s *target) pay(t *testing.T, name, method string) service.Response {
	t.Helper()
	const orderBody = `{"currency":"EUR","reference":%q,"items":[{"name":%q,"quantity":1,"unit_amount":100}],"metadata":{%[2]q:%[2]q}}`
	made := s.mine.send(t, "POST", "/v1/orders", canary+"-order-"+name, fmt.Sprintf(orderBody, canary+name, canary))
	service.Wants(t, "an order", made, 201, "")
	body := fmt.Sprintf(`{"order_id":%q,"payment_method":%q,"description":%q,"metadata":{%[3]q:%[3]q}}`, made.Field("id"), method, canary)
	resp := s.mine.send(t, "POST", "/v1/payments", canary+"-payment-"+name, body)
	s.holdsNoSecret(t, resp)
	return resp
}

// payments end in every way that the provider knows.
func (s *target) payments(t *testing.T) {
	for method, status := range map[string]int{
		"pm_card_visa": 201, "pm_card_chargeDeclined": 402, "pm_card_authenticationRequired": 201, "pm_sim_timeout_charged": 202, "pm_sim_reset_charged": 202,
		"pm_sim_error_then_ok": 202, "pm_sim_error_stored": 202, "pm_sim_wrong_amount": 202, "pm_sim_timeout_not_charged": 202, "pm_unknown_" + canary: 422,
	} {
		if resp := s.pay(t, method, method); resp.Status != status {
			t.Errorf("%s: want %d, got %s", method, status, resp)
		}
	}
	service.Until(t, "what can be settled is", func() bool {
		return s.number(t, "SELECT count(*) FROM payments WHERE status = 'processing' AND status_reason IS DISTINCT FROM 'needs_review'") <= 1 // the stored 500 stays
	})
}

// refusedRequests hold secrets in every place where a client can put one by mistake.
func (s *target) refusedRequests(t *testing.T) {
	const card = "4242 4242 4242 4242"
	for _, body := range []string{
		`{"amount":1,"currency":"EUR","reference":"` + card + `"}`,
		`{"amount":1,"currency":"EUR","metadata":{"card":"` + card + `"}}`,
		`{"amount":1,"currency":"EUR","metadata":{"4242424242424242":""}}`,
		`{"amount":1,"currency":"EUR","items":[{"name":"` + card + `","quantity":1,"unit_amount":1}]}`, `{"card":"` + card + `"}`,
		`{"amount":` + canary + `}`, canary, `{"` + canary + `":1}`,
		`{"amount":1,"currency":"` + canary + `"}`, `{"amount":4242424242424242,"currency":"EUR"}`,
	} {
		resp := s.mine.send(t, "POST", "/v1/orders", canary+"-wrong", body)
		if resp.Status != 400 && resp.Status != 422 {
			t.Errorf("%s: %s", body, resp)
		}
		s.holdsNoSecret(t, resp)
	}
	s.mine.send(t, "POST", "/v1/payments", canary, `{"order_id":"x","payment_method":"pm_4242424242424242"}`)
	for _, authorization := range []string{"Bearer " + canary, "Basic " + canary, s.mine.client.APIKey() + "x", "Bearer sk_live_" + canary} {
		service.Wants(t, "a guess", s.mine.send(t, "GET", "/v1/orders?x="+canary, "", "", "Authorization", authorization, "Cookie", canary), 401, "unauthorized")
	}
	for _, path := range []string{
		"/v1/idempotency-keys/" + canary, "/v1/orders/" + canary, "/" + canary, "/v1/orders?reference=" + canary, "/v1/orders?api_key=" + canary,
		"/v1/orders?reference=%00" + canary,
	} {
		s.holdsNoSecret(t, s.mine.send(t, "GET", path, "", ""))
	}
	s.mine.send(t, "POST", "/v1/orders", canary+"-media", service.OrderBody, "Content-Type", "text/"+canary, "Prefer", canary)
	s.exchange(t, canary+"\r\n\r\n")
	s.exchange(t, s.mine.raw("POST", "/v1/orders", "{}", "Idempotency-Key: "+canary+"\x00"))
}

// holdsNoSecret: a client gets its own texts back, and never the service's secrets or a card number as one.
func (s *target) holdsNoSecret(t *testing.T, resp service.Response) {
	t.Helper()
	for _, secret := range []string{
		canary + "-database", canary + "-redis", canary + "_provider", "whsec_", service.SecretKey, s.mine.client.APIKey(),
		"4242 4242 4242 4242", "SQLSTATE", "postgres",
	} {
		if strings.Contains(string(resp.Body), secret) {
			t.Errorf("%s holds %s", resp, secret)
		}
	}
}

func TestAStartThatFailsShowsNoSecret(t *testing.T) {
	t.Parallel()
	database := stores.Database(t)
	for name, settings := range map[string][]string{
		"a database that is away":     {"DATABASE_URL=postgres://u:" + canary + "@127.0.0.1:1/d"},
		"a wrong port":                {"DATABASE_URL=postgres://u:" + canary + "@h:port/d"},
		"a wrong escape":              {"DATABASE_URL=postgres://u:%zz" + canary + "@h/d"},
		"another kind of database":    {"DATABASE_URL=mysql://u:" + canary + "@h/d"},
		"a Redis with a wrong port":   {"DATABASE_URL=" + database, "REDIS_URL=redis://:" + canary + "@h:port/0"},
		"a Redis with a wrong number": {"DATABASE_URL=" + database, "REDIS_URL=redis://:" + canary + "@h/x"},
		"a provider with a password":  {"DATABASE_URL=" + database, "PROVIDER_URL=http://u:" + canary + "@127.0.0.1:1", "PROVIDER_SECRET_KEY=sk"},
		"a provider of another kind":  {"DATABASE_URL=" + database, "PROVIDER_URL=ftp://u:" + canary + "@h"},
		"a key that is none":          {"DATABASE_URL=" + database, "SECRET_KEY=" + canary},
		"a secret in another's place": {"DATABASE_URL=" + database, "ADDR=https://u:" + canary + "@h"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		command := exec.CommandContext(ctx, service.Binary(t))
		command.Env = append([]string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "DATA_DIR=" + t.TempDir(), "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0",
			"SECRET_KEY=" + service.SecretKey, "LOG_LEVEL=debug",
		}, settings...)
		var written bytes.Buffer
		command.Stdout, command.Stderr = &written, &written
		err := command.Run()
		cancel()
		exit, failed := errors.AsType[*exec.ExitError](err)
		if !failed || exit.ExitCode() != 1 || !strings.Contains(written.String(), "payonce: ") {
			t.Errorf("%s: %v, %s", name, err, &written)
		}
		if strings.Contains(written.String(), canary) {
			t.Errorf("%s: the secret stands in %s", name, &written)
		}
	}
}
