package commands

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/service"
)

// listening runs the command against a service, until it says that it listens.
func listening(t *testing.T, settings []string, arguments ...string) (*service.Printed, *exec.Cmd) {
	t.Helper()
	printed := &service.Printed{}
	command := exec.Command(service.Binary(t), append([]string{"listen"}, arguments...)...) //nolint:noctx // ended below
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, settings...)
	command.Stdout, command.Stderr = printed, printed
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	service.Until(t, "it listens", func() bool { return strings.Contains(printed.String(), "listening to events") })
	return printed, command
}

func TestListenPrintsForwardsAndTakesItsEndpointAwayAtTheEnd(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{Env: map[string]string{"WEBHOOK_ALLOW_LOOPBACK": "on"}})
	_, key := service.Merchant(t, s.Options.DatabaseURL)
	client, r := s.Client(key), receiver.New(t, nil)
	printed, command := listening(t, []string{"PAYONCE_API_KEY=" + key}, "--url", s.URL(), "--events", "order.*", "--forward", r.URL)
	made := client.Post("/v1/orders", "order", service.OrderBody)
	service.Until(t, "the event is printed", func() bool {
		return strings.Contains(printed.String(), "order.created") && strings.Contains(printed.String(), made.Field("id")+"  -> 200 OK")
	})
	if all := r.All(); len(all) != 1 || !strings.Contains(string(all[0].Body), made.Field("id")) || all[0].Header.Get("Webhook-Signature") == "" {
		t.Errorf("forwarded: %d", len(all))
	}
	endpoints := func() (n int) {
		var page struct{ Data []json.RawMessage }
		client.Get("/v1/webhook-endpoints").JSON(t, &page)
		return len(page.Data)
	}
	if n := endpoints(); n != 1 {
		t.Errorf("%d endpoints while it listens, want 1", n)
	}
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, printed)
	}
	if n := endpoints(); n != 0 {
		t.Errorf("%d endpoints after it ended, want none", n)
	}
	if strings.Contains(printed.String(), "whsec_") || strings.Contains(printed.String(), key) {
		t.Errorf("a secret was printed: %s", printed)
	}
}

func TestListenSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	_, key := service.Merchant(t, s.Options.DatabaseURL)
	for want, arguments := range map[string][]string{
		"WEBHOOK_ALLOW_LOOPBACK=on":    {"--url", s.URL(), "--api-key", key},
		"unauthorized":                 {"--url", s.URL(), "--api-key", "sk_test_x"},
		"is the service running":       {"--url", "http://127.0.0.1:1", "--api-key", key},
		"--api-key or PAYONCE_API_KEY": {"--url", s.URL()},
	} {
		_, errs, code := run(t, []string{"DATA_DIR=" + t.TempDir()}, append([]string{"listen"}, arguments...)...)
		if code != 1 || !strings.Contains(errs, want) || strings.Contains(errs, key) {
			t.Errorf("got exit code %d, %q; want 1 and %q", code, errs, want)
		}
	}
}
