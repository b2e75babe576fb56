package postman

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

// start is a service with its own limit of requests, which may send events to this machine.
func start(t *testing.T) *service.Service {
	t.Helper()
	Needs(t)
	return service.Start(t, service.Options{Env: map[string]string{"WEBHOOK_ALLOW_LOOPBACK": "on", "RATE_LIMIT": "100/s,burst=200"}})
}

func TestCollectionPasses(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, apiKey := service.Merchant(t, s.Options.DatabaseURL)
	_, otherKey := service.Merchant(t, s.Options.DatabaseURL)
	r := receiver.New(t, nil)
	Passes(t, Settings{s.URL(), apiKey, otherKey, r.URL})
	if !slices.ContainsFunc(r.All(), func(a receiver.Arrival) bool { return strings.Contains(string(a.Body), "order.created") }) {
		t.Errorf("the endpoint got %d events, and none of an order", len(r.All()))
	}
}

// A collection that can't fail shows nothing: one whose expectations are wrong has to fail at just those.
func TestCollectionFailsWhereAnAnswerIsNotAsExpected(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, apiKey := service.Merchant(t, s.Options.DatabaseURL)
	text, err := os.ReadFile(flows)
	if err != nil {
		t.Fatal(err)
	}
	const right, wrong = `decline_code is insufficient_funds\", () => pm.expect(answer.decline_code).to.eql(\"insufficient_funds`, `decline_code is lost_card\", () => pm.expect(answer.decline_code).to.eql(\"lost_card`
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte(strings.ReplaceAll(string(text), right, wrong)), 0o600); err != nil {
		t.Fatal(err)
	}
	answers := run(t, broken, map[string]string{"base_url": s.URL(), "api_key": apiKey}, "--folder", "Decline", "--folder", "Two merchants")
	failed := map[string]int{}
	for _, a := range answers {
		if len(a.failed) > 0 {
			failed[a.request] = len(a.failed)
		}
	}
	if len(answers) != 5 { // without the second merchant's key its folder is left out
		t.Errorf("got %d answers, want the 5 of the folder Decline", len(answers))
	}
	if len(failed) != 2 || failed["Pay with a card that is declined"] != 1 || failed["Send it again: the same decline, and the bank is not asked"] != 1 {
		t.Errorf("got %v, want one failure at each of the two declines", failed)
	}
}
