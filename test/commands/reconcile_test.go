package commands

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// reconciled is what reconcile --json prints.
type reconciled struct {
	From     time.Time
	To       time.Time
	Findings []struct {
		Kind       string
		MerchantID string `json:"merchant_id"`
		PaymentID  string `json:"payment_id"`
		New        bool
		Stored     bool
	}
	Summary struct {
		Charges, Refunds, Rows, Unresolved, Findings, New int
	}
}

// reconcile runs the command and reads its document.
func reconcile(t *testing.T, settings []string) (got reconciled) {
	t.Helper()
	out, errs, code := run(t, settings, "reconcile", "--json", "--to", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || !got.From.Before(got.To) {
		t.Fatalf("exit code %d, %v: %s %s", code, err, out, errs)
	}
	return got
}

// chargeBehind makes a charge at the simulator inside that no payment of the service asked for.
func chargeBehind(t *testing.T, dir, merchant string) (payment string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "simulator", "address.json"))
	if err != nil {
		t.Fatal(err)
	}
	var note struct{ URL string }
	if err := json.Unmarshal(text, &note); err != nil {
		t.Fatal(err)
	}
	payment = models.FormatID(models.PrefixPayment, models.NewID())
	form := url.Values{
		"amount": {"1999"}, "currency": {"eur"}, "confirm": {"true"}, "payment_method": {"pm_card_visa"},
		"metadata[payment_id]": {payment}, "metadata[merchant_id]": {merchant},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, note.URL+"/v1/payment_intents", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer sk_test_simulator_inside")
	resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatalf("the charge: %s", resp.Status)
	}
	return payment
}

// The provider of the embedded default is the simulator inside the running service, or its book when none runs.
func TestReconcileComparesTheBookOfTheSimulatorInside(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	data := []string{"DATA_DIR=" + dir}
	owner := service.RunProgram(t, data...)
	out, errs, code := run(t, data, "merchant", "create", "--name", "Shop", "--json")
	var merchant struct{ ID string }
	if err := json.Unmarshal([]byte(out), &merchant); err != nil || code != 0 {
		t.Fatalf("%d %s %s: %v", code, out, errs, err)
	}
	if got := reconcile(t, data); got.Summary.Findings != 0 {
		t.Errorf("got %+v, want no finding yet", got)
	}
	payment := chargeBehind(t, dir, merchant.ID)
	got := reconcile(t, data)
	if len(got.Findings) != 1 || got.Summary.Findings != 1 || got.Summary.Charges != 1 {
		t.Fatalf("got %+v, want one finding", got)
	}
	if f := got.Findings[0]; f.Kind != "charge_not_here" || f.PaymentID != payment || f.MerchantID != merchant.ID || !f.Stored { // new, unless the service was notified first
		t.Errorf("got %+v, want the charge that no payment asked for, stored", f)
	}
	if code := owner.Stop(); code != 0 {
		t.Errorf("the service ended with %d", code)
	}
	if _, err := os.Stat(filepath.Join(dir, "simulator", "address.json")); err == nil {
		t.Error("the service left its address behind")
	}
	if got := reconcile(t, data); got.Summary.Findings != 1 || got.Summary.New != 0 {
		t.Errorf("when no service runs: got %+v, want the same finding, not new", got)
	}
	service.Until(t, "the second of the charge is over: without --to, the range ends with the last whole second", func() bool {
		out, errs, code = run(t, data, "reconcile")
		return code != 0 || !strings.Contains(out, "compared 0 charges") && !strings.Contains(errs, "compared 0 charges")
	})
	if code != 0 || !strings.Contains(out, "charge_not_here") || !strings.Contains(out, payment) || !strings.Contains(out, "1 findings, 0 of them new") {
		t.Errorf("exit code %d: %s %s, want a table with the finding", code, out, errs)
	}
	if strings.Contains(errs, "\r") {
		t.Errorf("got a progress line without a terminal: %q", errs)
	}
}

// A note that a crash left behind holds an address at which no program listens, or another one.
func TestReconcileFindsAServiceThatStartedAfterACrash(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	data := []string{"DATA_DIR=" + dir}
	crashed := service.RunProgram(t, data...)
	crashed.Kill()
	path := filepath.Join(dir, "simulator", "address.json")
	left, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("the crash left no note: %v", err)
	}
	if got := reconcile(t, data); got.Summary.Findings != 0 {
		t.Errorf("after the crash: got %+v, want no finding", got)
	}
	service.RunProgram(t, data...)
	if now, err := os.ReadFile(path); err != nil || bytes.Equal(now, left) {
		t.Errorf("got the note %s, %v, want one of the new service", now, err)
	}
	if got := reconcile(t, data); got.Summary.Findings != 0 {
		t.Errorf("beside the new service: got %+v, want no finding", got)
	}
}

func TestReconcileSaysWhyItCouldNotCompare(t *testing.T) {
	t.Parallel()
	settings := []string{
		"DATABASE_URL=" + stores.Database(t), "PROVIDER_URL=http://127.0.0.1:1", "PROVIDER_SECRET_KEY=sk_test_canary_of_the_provider",
	}
	_, errs, code := run(t, settings, "reconcile")
	isOneSentence(t, errs, code, "not all was compared", "provider")
	for _, wrong := range [][]string{{"--from", "yesterday"}, {"--to", "2026-13-01"}, {"--from", "2026-11-02", "--to", "2026-11-01"}} {
		_, errs, code := run(t, settings, append([]string{"reconcile"}, wrong...)...)
		if code != 2 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "--") {
			t.Errorf("%v: exit code %d: %s, want 2 and a sentence", wrong, code, errs)
		}
	}
	if _, errs, code := run(t, settings[:2], "reconcile"); code != 1 || !strings.Contains(errs, "PROVIDER_SECRET_KEY is empty") {
		t.Errorf("without a key: exit code %d: %s, want 1 and what is missing", code, errs)
	}
}

// Everything that the service does at the provider is in both books the same way.
func TestReconcileFindsNothingAfterADayOfBusiness(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	c := s.NewMerchant()
	post := func(path, key, body string, status int) service.Response {
		t.Helper()
		resp := c.Post(path, key, body)
		service.Wants(t, path, resp, status, "")
		return resp
	}
	hold := func(key string) (path string) {
		t.Helper()
		body := `{"order_id":"` + c.CreateOrder() + `","payment_method":"pm_card_visa","capture_method":"manual"}`
		return "/v1/payments/" + post("/v1/payments", key, body, http.StatusCreated).Field("id")
	}
	parts := hold("parts")
	post(parts+"/capture", "part", `{"amount":100,"final":false}`, http.StatusOK)
	post(parts+"/capture", "rest", `{"amount":200}`, http.StatusOK)
	post(parts+"/refunds", "back", `{"amount":50}`, http.StatusCreated)
	post(hold("to-void")+"/cancel", "void", ``, http.StatusOK)
	released := hold("to-release")
	post(released+"/capture", "first", `{"amount":100,"final":false}`, http.StatusOK)
	post(released+"/cancel", "release", ``, http.StatusOK)
	hold("still-held")
	paid := c.Pay(c.CreateOrder(), "pm_card_visa", "paid")
	post("/v1/payments/"+paid.Field("id")+"/refunds", "all-of-it", `{}`, http.StatusCreated)
	service.Wants(t, "declined", c.Pay(c.CreateOrder(), "pm_card_chargeDeclined", "declined"), http.StatusPaymentRequired, "payment-declined")
	got := reconcile(t, s.Environment())
	if got.Summary.Findings != 0 || got.Summary.Unresolved != 0 || got.Summary.Charges != 6 || got.Summary.Refunds != 2 || got.Summary.Rows != 6 {
		t.Errorf("got %+v, want 6 charges, 2 refunds and 6 rows of ours that agree", got)
	}
}
