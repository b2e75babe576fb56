package runbook

import (
	"bytes"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// TestABackupIsRestoredAndReplays follows the sections "Back up" and "Restore" with pg_dump, for an installation that was at rest.
func TestABackupIsRestoredAndReplays(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"pg_dump", "pg_restore"} {
		needs.Program(t, "install the package postgresql-client", program)
	}
	s := service.Start(t, service.Options{})
	client := s.NewMerchant()
	order := client.Post("/v1/orders", "order", service.OrderBody)
	paid := client.Pay(order.Field("id"), "pm_card_visa", "payment")
	other := client.CreateOrder()
	declined := client.Pay(other, "pm_card_chargeDeclined", "declined")
	service.Wants(t, "the payment", paid, http.StatusCreated, "")
	service.Wants(t, "the declined payment", declined, http.StatusPaymentRequired, "payment-declined")
	events := client.Get("/v1/events")

	if code := s.Stop(); code != 0 {
		t.Fatalf("the service ended with %d", code)
	}
	dump := filepath.Join(t.TempDir(), "payonce.dump")
	run(t, "pg_dump", "--format=custom", "--file="+dump, s.Options.DatabaseURL)
	opt := s.Options
	opt.DatabaseURL, opt.RedisURL = stores.EmptyDatabase(t), stores.Redis(t)
	run(t, "pg_restore", "--exit-on-error", "--no-owner", "--dbname="+opt.DatabaseURL, dump)

	restored := client.At(service.Start(t, opt))
	for what, answers := range map[string][2]service.Response{
		"the order":   {order, restored.Post("/v1/orders", "order", service.OrderBody)},
		"the payment": {paid, restored.Pay(order.Field("id"), "pm_card_visa", "payment")},
		"the decline": {declined, restored.Pay(other, "pm_card_chargeDeclined", "declined")},
	} {
		if again := answers[1]; !again.Replayed() || !again.Same(answers[0]) {
			t.Errorf("%s: got %s, want a replay of %s", what, again, answers[0])
		}
	}
	if again := restored.Get("/v1/events"); again.Status != http.StatusOK || len(again.Body) < len(events.Body) {
		t.Errorf("events: got %s, before %s", again, events)
	}
	service.Wants(t, "something new", restored.Pay(restored.CreateOrder(), "pm_card_visa", "after"), http.StatusCreated, "")
	if n := len(s.Simulator.Charges()); n != 2 {
		t.Errorf("%d charges, want 2", n)
	}
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	command := exec.CommandContext(t.Context(), program, args...)
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v: %s", program, err, out.String())
	}
}
