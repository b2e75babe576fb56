package tracing

import (
	"context"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/wait"
)

// quick makes leases and checks short.
func quick(c *collector) map[string]string {
	return service.ShortLeases("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "CLEANUP_INTERVAL", "100ms", "PROVIDER_SETTLE", "100ms")
}

// job waits for the exported round in which a span happened, and returns that span.
func (c *collector) job(job, name string) (round, part span) {
	c.Helper()
	part = c.named(name, "")
	round = c.find("the round", func(s span) bool { return s.trace == part.trace && s.parent == "" })
	if round.name != "job "+job || part.parent != round.id {
		c.Errorf("%q is a part of %q, want %q", name, round.name, "job "+job)
	}
	return round, part
}

// onlyBusyRounds: of the rounds that found nothing to do, several each second, none is exported.
func (c *collector) onlyBusyRounds() {
	c.Helper()
	for _, s := range c.all() {
		if s.parent == "" && strings.HasPrefix(s.name, "job ") && s.attrs["payonce.job.did"] == "0" && !s.failed {
			c.Errorf("got a round of %q that did nothing: %v", s.name, s.attrs)
		}
		if s.parent == "" && strings.HasPrefix(s.name, "postgres") {
			c.Errorf("got %q, which belongs to nothing", s.name)
		}
	}
}

func TestTheRecoveryOfADeadProcessIsATrace(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	s := service.Start(t, service.Options{Env: quick(c)})
	client := s.NewMerchant()
	order := client.CreateOrder()
	s.Simulator.HoldAnswers()
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		client.Send(context.Background(), "POST", "/v1/payments", "cut", service.PaymentBody(order, "pm_card_visa"))
	}()
	wait.Within(t, patience, "the provider has the call", func() bool { return s.Simulator.Held() == 1 })
	s.Kill()
	<-cut
	s.Simulator.Drop()
	s.Restart()
	_, recovery := c.job("recovery", "recovery")
	if recovery.attrs["payonce.idempotency.outcome"] != "recovered" || recovery.attrs["payonce.operation"] != "authorize" || recovery.failed {
		t.Errorf("got %+v, want a recovered authorization", recovery)
	}
	tree := c.tree(recovery)
	for _, part := range []string{"\n  postgres ", "\n  look up\n    provider ", "\n  completion\n    postgres ", "\n  publication"} {
		if !strings.Contains(tree, part) {
			t.Errorf("the recovery's trace is%s\nwant %q in it", tree, part)
		}
	}
	c.onlyBusyRounds()
}

func TestTheCheckOfAnUnknownOutcomeIsATrace(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	s := service.Start(t, service.Options{Env: quick(c)})
	client := s.NewMerchant()
	order := client.CreateOrder()
	s.Simulator.HoldAnswers()
	pending := client.Pay(order, "pm_card_visa", "unknown")
	wants(t, pending, 202)
	s.Simulator.Drop()
	_, check := c.job("checks", "check authorize")
	tree := c.tree(check)
	for _, part := range []string{"\n  postgres ", "\n  provider "} {
		if !strings.Contains(tree, part) {
			t.Errorf("the check's trace is%s\nwant %q in it", tree, part)
		}
	}
	if call := c.named("provider authorize", c.of(requestID(pending)).trace); !call.failed || call.attrs["error.type"] == "" {
		t.Errorf("got the call %+v, want one that failed", call)
	}
	c.onlyBusyRounds()
}
