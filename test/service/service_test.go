package service_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

func TestAServiceIsKilledRestartedAndStopped(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	c := s.NewMerchant()
	order := c.CreateOrder()
	s.Kill()
	if resp := c.Get("/v1/orders/" + order); resp.Err == nil {
		t.Errorf("it answers after it was killed: %s", resp)
	}
	s.Restart()
	if resp := c.Get("/v1/orders/" + order); resp.Status != http.StatusOK {
		t.Errorf("after a restart: %s", resp)
	}
	if code := s.Stop(); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	s.Restart()
	s.Signal(syscall.SIGSTOP) // the end of the test has to cope with it
}

func TestEveryLifesLogGoesToTheFileThatIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	s := service.Start(t, service.Options{LogFile: path})
	s.Restart()
	s.Kill()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), "\nlistening on http://"); n != 2 {
		t.Errorf("%d lives in the log:\n%s", n, content)
	}
}

// What a client was told is written down as it was, and a request that had no answer as one that may have been done.
func TestAClientRecordsWhatItSaw(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	var history []check.Event
	c := s.NewMerchant().Recorded(func(e check.Event) { history = append(history, e) })
	order := c.CreateOrder()
	paid, again := c.Pay(order, "pm_card_visa", "k"), c.Pay(order, "pm_card_visa", "k")
	s.Kill()
	c.Pay(order, "pm_card_visa", "k")
	if len(history) != 4 || !paid.Same(again) {
		t.Fatal(history)
	}
	first, replay, lost := history[1], history[2], history[3]
	if first.Merchant != c.MerchantID() || first.Key != "k" || first.Status != paid.Status || first.Body != string(paid.Body) ||
		first.Header["Location"] != paid.Header.Get("Location") || first.Replayed || first.Sent >= first.Answered {
		t.Errorf("%+v", first)
	}
	if !replay.Replayed || replay.Request != first.Request || lost.Status != 0 || lost.Error == "" || lost.Request != first.Request {
		t.Errorf("%+v\n%+v", replay, lost)
	}
}

func TestTheSimulatorHoldsRequestsAndAnswers(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	c := s.NewMerchant()
	for name, hold := range map[string]func(){"requests": s.Simulator.HoldRequests, "answers": s.Simulator.HoldAnswers} {
		hold()
		before := len(s.Simulator.Charges())
		order, answer := c.CreateOrder(), make(chan service.Response, 1)
		go func() { answer <- c.Pay(order, "pm_card_visa", "hold-"+name) }()
		service.Until(t, "the call is held", func() bool { return s.Simulator.Held() == 1 })
		if charged := len(s.Simulator.Charges()) - before; (charged == 1) != (name == "answers") {
			t.Errorf("%d charges while %s are held", charged, name)
		}
		s.Simulator.Release()
		if resp := <-answer; resp.Status != http.StatusCreated || resp.Code() != "" || resp.Replayed() {
			t.Errorf("after the release: %s", resp)
		}
		if charged := len(s.Simulator.Charges()) - before; charged != 1 {
			t.Errorf("%d charges", charged)
		}
	}
}

func TestARefusingProviderComesBackAtItsAddress(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	c := s.NewMerchant()
	order := c.CreateOrder()
	s.Simulator.RefuseConnections()
	if resp := c.Pay(order, "pm_card_visa", "k"); resp.Status != http.StatusServiceUnavailable || resp.Code() != "unavailable" {
		t.Errorf("refused: %s", resp)
	}
	s.Simulator.AcceptConnections()
	service.Until(t, "payments work", func() bool { return c.Pay(order, "pm_card_visa", "k").Status == http.StatusCreated })
	if n := len(s.Simulator.Charges()); n != 1 || s.Simulator.Sent() != 1 {
		t.Errorf("%d charges, %d calls", n, s.Simulator.Sent())
	}
}

func TestARequestIsHeldAtAStepAndKilledThere(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{Build: service.Failpoints()})
	c := s.NewMerchant()
	order := c.CreateOrder()
	s.Hold(idempotency.StepCalling)
	answer := make(chan service.Response, 1)
	go func() { answer <- c.Pay(order, "pm_card_visa", "k") }()
	service.Until(t, "the payment is held", func() bool { return s.HeldAt(idempotency.StepCalling) == 1 })
	if s.Passed(idempotency.StepClaimed) != 1 || s.Simulator.Sent() != 0 {
		t.Errorf("claimed %d times, %d calls", s.Passed(idempotency.StepClaimed), s.Simulator.Sent())
	}
	s.ReleaseStep(idempotency.StepCalling)
	if resp := <-answer; resp.Status != http.StatusCreated {
		t.Errorf("after the release: %s", resp)
	}
	s.PanicAt(idempotency.StepBegun)
	if resp := c.Post("/v1/orders", "p", service.OrderBody); resp.Status != http.StatusInternalServerError {
		t.Errorf("a panic: %s", resp)
	}
	s.Hold(idempotency.StepBegun)
	go func() { answer <- c.Post("/v1/orders", "q", service.OrderBody) }()
	service.Until(t, "the order is held", func() bool { return s.HeldAt(idempotency.StepBegun) == 1 })
	s.Kill()
	if resp := <-answer; resp.Err == nil {
		t.Errorf("a killed process answered: %s", resp)
	}
}

func TestABuildForProductionHasNoFailpoints(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	resp, err := (&http.Client{Timeout: time.Minute}).Get(s.AdminURL() + "/failpoints/claimed") //nolint:noctx // it has a time-out
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", resp.StatusCode)
	}
}
