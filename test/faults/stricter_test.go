package faults

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// A release with stricter rules takes over from one whose requests are at every step: what the old one stored, or began, is
// answered as that one would have; only what it left nothing of is refused, and that is said of its key.
func TestF40AStricterReleaseTakesOverAtAnyStep(t *testing.T) {
	t.Parallel()
	rules := newRules(t)
	w := open(t, options{build: strictBuild(t), other: service.Failpoints(), env: settings(rulesFolder, rules.folder)})
	all := w.holdEverywhere()
	rules.enforce(t, ruleOfValues)
	w.harmed.Kill()
	w.toPostgres.ResetAll()
	w.arrive()
	w.collect(all)
	w.each("F40", all, w.underStricterRules)
}

func (w *world) underStricterRules(c *cell, h *held) {
	last := service.Insist(c.T, h.String()+" gets an answer", func() service.Response { return w.retry(h) })
	traces := w.traces(h.key)
	switch {
	case traces.none() && (h.left() == notStarted || h.outlasted(w.released)):
		service.Wants(c.T, h.String(), last, http.StatusUnprocessableEntity, "validation-failed")
		if !strings.Contains(string(last.Body), `"safe_new_key":true`) {
			c.Errorf("%s: the key is unused, and the refusal doesn't say so: %s", h, last)
		}
	case last.Status == http.StatusCreated, last.Status == http.StatusAccepted && h.left() == pending:
		w.once(c.T, h, last)
	default:
		c.Errorf("%s: the retry got %s; there is %+v", h, last, traces)
	}
}

// What an older release stored is replayed byte for byte, whatever rule the request breaks now and wherever the outcome is
// read: from Postgres, from Redis and from the process. The new release computes fingerprints in another way, too.
func TestF40AStricterReleaseReplaysWhatAnOlderOneStored(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]string{"a rule about values (422)": ruleOfValues, "a rule about the form (400)": ruleOfForm} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made, database, cache := newRules(t), stores.Database(t), stores.Redis(t)
			older := service.Start(t, service.Options{DatabaseURL: database, RedisURL: cache, Build: service.Failpoints()})
			newer := service.Start(t, service.Options{
				DatabaseURL: database, RedisURL: cache, Build: strictBuild(t), ProviderURL: older.Simulator.URL(), Env: map[string]string{rulesFolder: made.folder},
			})
			at := older.NewMerchant()
			stored := storedByAnOlderRelease(t, at)
			made.enforce(t, rule)
			for _, from := range []string{"redis", "memory", "postgres"} {
				if from == "postgres" { // another process, which has neither
					flush(t, cache)
					newer.Kill()
					newer.Restart()
				}
				n := replayedFrom(t, from, newer, at, stored)
				for try := 0; from == "redis" && n < len(stored) && try < 4; try++ { // on a busy machine Redis may be too slow, and passed by
					stored = storedByAnOlderRelease(t, at)
					n = replayedFrom(t, from, newer, at, stored)
				}
				if n != len(stored) {
					t.Errorf("%d of %d were replayed from %s", n, len(stored), from)
				}
			}
			refused := at.At(newer).Post("/v1/orders", newKey(), service.OrderBody)
			if refused.Status != http.StatusBadRequest && refused.Status != http.StatusUnprocessableEntity {
				t.Errorf("the rule isn't in force: %s", refused)
			}
		})
	}
}

// replayedFrom sends everything again to the newer release and returns how many it replayed from there.
func replayedFrom(t *testing.T, from string, newer *service.Service, at *service.Client, all map[string]stored) int {
	t.Helper()
	series := fmt.Sprintf("payonce_idempotency_outcomes_total{outcome=%q}", from)
	before := newer.Metric(series)
	for what, s := range all {
		if again := s.send(at.At(newer)); !again.Replayed() || !again.Same(s.first) {
			t.Errorf("%s, from %s: first %s\nreplay %s", what, from, s.first, again)
		}
	}
	return int(newer.Metric(series) - before)
}

// stored is a request, and its outcome.
type stored struct {
	send  func(c *service.Client) service.Response
	first service.Response
}

// storedByAnOlderRelease are outcomes of each kind.
func storedByAnOlderRelease(t *testing.T, c *service.Client) map[string]stored {
	t.Helper()
	post := func(path, body string) func(*service.Client) service.Response {
		key := newKey()
		return func(c *service.Client) service.Response { return c.Post(path, key, body) }
	}
	all := map[string]stored{
		"201, an order":           {send: post("/v1/orders", service.OrderBody)},
		"201, a payment":          {send: post("/v1/payments", service.PaymentBody(c.CreateOrder(), "pm_card_visa"))},
		"402, a declined payment": {send: post("/v1/payments", service.PaymentBody(c.CreateOrder(), "pm_card_chargeDeclined"))},
		"200, a canceled order":   {send: post("/v1/orders/"+c.CreateOrder()+"/cancel", "")},
	}
	for what, s := range all {
		s.first = s.send(c)
		if !outcome(s.first) || !strings.HasPrefix(what, fmt.Sprint(s.first.Status)) {
			t.Fatalf("%s: %s", what, s.first)
		}
		all[what] = s
	}
	return all
}

// rules are files in a folder; once one exists, the stricter release refuses whatever changes something.
type rules struct{ folder string }

const (
	ruleOfValues = "values"
	ruleOfForm   = "form"
	rulesFolder  = "PAYONCE_TEST_RULES" // tells the stricter release where they are; nothing but the overlay reads it
)

func newRules(t *testing.T) rules {
	t.Helper()
	return rules{t.TempDir()}
}

func (r rules) enforce(t *testing.T, rule string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.folder, rule), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// strictBuild are the build's arguments for the stricter release.
func strictBuild(t *testing.T) []string {
	t.Helper()
	const ifThere = "if _, missing := os.Stat(os.Getenv(\"" + rulesFolder + "\") + \"/%s\"); missing == nil%s {\n"
	validate, bind := filepath.Join("handlers", "validate.go"), filepath.Join("handlers", "bind.go")
	prints := filepath.Join("idempotency", "fingerprint.go")
	return append(service.Failpoints(), "-overlay="+overlay(t, map[string]string{
		filepath.Join(moduleRoot(t), validate): edited(t, validate,
			"func (v *checks) err() error {\n", "func (v *checks) err() error {\n"+fmt.Sprintf(ifThere, ruleOfValues, "")+
				"v.fail(\"/metadata\", \"required\", \"is required from now on\")\n}\n",
			"import (\n", "import (\n\t\"os\"\n"),
		filepath.Join(moduleRoot(t), bind): edited(t, bind,
			"	if c.Request.URL.RawQuery == \"\" {\n", fmt.Sprintf(ifThere, ruleOfForm, ` && c.Request.Method == "POST"`)+
				"return nil, &ParameterError{\"version\", \"is required from now on\"}\n}\n\tif c.Request.URL.RawQuery == \"\" {\n",
			"import (\n", "import (\n\t\"os\"\n"),
		filepath.Join(moduleRoot(t), prints): edited(t, prints,
			"func computations() [2]computation {\n", "func computations() [3]computation {\n",
			"		{1, fingerprintTag, oneSpelling},\n", "		{2, \"payonce/fingerprint/v2\", oneSpelling},\n\t\t{1, fingerprintTag, oneSpelling},\n"),
	}))
}

// edited is a source file with replacements, each of what it holds once.
func edited(t *testing.T, file string, replacements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), file))
	if err != nil {
		t.Fatal(err)
	}
	source := string(text)
	for i := 0; i+1 < len(replacements); i += 2 {
		if strings.Count(source, replacements[i]) != 1 {
			t.Fatalf("%s looks different: adapt the replacement of %q", file, replacements[i])
		}
		source = strings.Replace(source, replacements[i], replacements[i+1], 1)
	}
	return source
}
