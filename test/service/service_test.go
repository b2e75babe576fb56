package service_test

import (
	"net/http"
	"os"
	"syscall"
	"testing"

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
