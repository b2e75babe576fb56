package simulator_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
)

// copyBook returns a folder with the book as it is on the disk now: what a crash at this moment would leave.
func copyBook(t *testing.T, dir string) (copied, content string) {
	t.Helper()
	bytes, err := os.ReadFile(filepath.Join(dir, "book.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	copied = t.TempDir()
	writeBook(t, copied, string(bytes))
	return copied, string(bytes)
}

func writeBook(t *testing.T, dir, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "book.jsonl"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasAnsweredSurvivesACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := start(t, dir)
	first := before.post(t, secret, "k", intents, form())
	declined := before.post(t, secret, "d", intents, form("payment_method", "pm_card_chargeDeclined"))
	lost := before.post(t, secret, "e", intents, form("payment_method", "pm_sim_error_then_ok"))
	before.post(t, secret, "k", intents, form())
	if first.status != 200 || declined.status != 402 || lost.status != 500 {
		t.Fatalf("%+v %+v %+v", first, declined, lost)
	}

	copied, content := copyBook(t, dir) // without Close: nothing gets a chance to tidy up
	if strings.Contains(content, secret) {
		t.Error("the book holds the secret key")
	}
	after := start(t, copied)
	if again := after.post(t, secret, "k", intents, form()); !again.replayed || again.body != first.body {
		t.Errorf("replay after the crash: %+v", again)
	}
	again := after.post(t, secret, "d", intents, form("payment_method", "pm_card_chargeDeclined"))
	if !again.replayed || again.status != 402 || again.body != declined.body {
		t.Errorf("decline after the crash: %+v", again)
	}
	if other := after.post(t, secret, "k", intents, form("amount", "1")); !strings.Contains(other.body, "idempotency_error") {
		t.Errorf("other parameters after the crash: %+v", other)
	}
	if ok := after.post(t, secret, "e", intents, form("payment_method", "pm_sim_error_then_ok")); ok.status != 200 {
		t.Errorf("the fault tripped twice: %+v", ok)
	}
	charges := after.charges(t, "?idempotency_key=k")
	if len(charges) != 1 || charges[0].Requests != 4 {
		t.Errorf("charges: %+v", charges)
	}
}

func TestATornLastLineIsCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := start(t, dir)
	first := before.post(t, secret, "k1", intents, form())
	before.post(t, secret, "k2", intents, form())
	_, content := copyBook(t, dir)
	lines := strings.SplitAfter(strings.TrimSuffix(content, "\n"), "\n")
	last := lines[len(lines)-1]
	for cut := range len(last) {
		torn := t.TempDir()
		writeBook(t, torn, strings.TrimSuffix(content, last+"\n")+last[:cut])
		sim, err := simulator.Open(simulator.Config{Dir: torn})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if err := sim.Close(); err != nil {
			t.Fatal(err)
		}
		if cut == len(last)/2 {
			checkTorn(t, torn, first)
		}
	}
}

// checkTorn works on after the cut, twice, so that the lines behind the cut are read, too.
func checkTorn(t *testing.T, dir string, first answer) {
	t.Helper()
	for range 2 {
		after := start(t, dir)
		if again := after.post(t, secret, "k1", intents, form()); !again.replayed || again.body != first.body {
			t.Errorf("first key: %+v", again)
		}
		if second := after.post(t, secret, "k2", intents, form()); second.status != 200 {
			t.Errorf("second key: %+v", second)
		}
		if n := len(after.charges(t, "")); n != 2 {
			t.Errorf("%d charges, want 2", n)
		}
		if err := after.sim.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedLineInTheMiddleIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeBook(t, dir, "{\"seen\":\"a:b\"}\n{\"seen\":oops\n{\"seen\":\"a:b\"}\n")
	if _, err := simulator.Open(simulator.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Fatalf("err = %v, want one that names line 2", err)
	}
}

func TestASecondOwnerOfTheBookIsTurnedAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := start(t, dir)
	if _, err := simulator.Open(simulator.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("err = %v, want one that says the book is in use", err)
	}
	if err := w.sim.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

func TestAClosedSimulatorPromisesNothing(t *testing.T) {
	t.Parallel()
	w := start(t, t.TempDir())
	if err := w.sim.Close(); err != nil {
		t.Fatal(err)
	}
	if late := w.post(t, secret, "k", intents, form()); late.status != 500 {
		t.Fatalf("after Close: %+v", late)
	}
}

func TestManyClientsShareTheBook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := start(t, dir)
	c := w.client(t, 30*time.Second)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ask := authorization("pm_card_visa")
			ask.Key, ask.PaymentID = fmt.Sprintf("key-%d", i), fmt.Sprintf("pay_%d", i)
			if res := c.Authorize(t.Context(), ask); res.Outcome != provider.Answered {
				t.Errorf("%+v", res)
			}
		})
	}
	wg.Wait()
	find := provider.FindRequest{PaymentID: "pay_0", MerchantID: "mer_1", Amount: 1999, Currency: "USD", Since: time.Now()}
	if r := c.Find(t.Context(), find); r.Outcome != provider.Answered || r.Object.Metadata["payment_id"] != "pay_0" {
		t.Errorf("find over several pages: %+v", r)
	}
	find.PaymentID = "pay_none"
	if r := c.Find(t.Context(), find); r.Outcome != provider.NotFound {
		t.Errorf("find of nothing over several pages: %+v", r)
	}
	copied, _ := copyBook(t, dir)
	if n := len(start(t, copied).charges(t, "")); n != 200 {
		t.Errorf("%d charges after a crash, want 200", n)
	}
}
