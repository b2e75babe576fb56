package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// After SIGTERM the service is unready at once and serves on, on connections old and new, so that a balancer loses no
// request; then it listens no more, and ends what it has accepted.
func TestASignalMakesTheServiceUnreadyBeforeItStopsServing(t *testing.T) {
	t.Parallel()
	const delay = 12 * time.Second // even a busy machine asks all that follows within it
	s := open(t, service.Options{Env: map[string]string{
		"SHUTDOWN_DELAY": delay.String(), "PROVIDER_TIMEOUT": "1m", "IDEMPOTENCY_LEASE": "2m",
	}})
	address := strings.TrimPrefix(s.service.URL(), "http://")
	old := dial(t, address)
	if got := old.ask(t, "/readyz"); got != (asked{status: 200}) {
		t.Fatalf("/readyz before: got %+v, want 200 on a connection that stays", got)
	}
	order := s.CreateOrder()
	s.provider().HoldAnswers()
	first := s.begin(order, "pm_card_visa", "accepted-before")
	service.Until(t, "the payment is in flight", func() bool { return s.provider().Held() == 1 })

	signaled := time.Now()
	s.service.Signal(syscall.SIGTERM)
	service.Until(t, "it is unready", func() bool { return dial(t, address).ask(t, "/readyz").status == 503 })
	if took := time.Since(signaled); took > delay/2 {
		t.Errorf("it was unready after %s, want at once", took)
	}
	if got := dial(t, address).ask(t, "/healthz"); got != (asked{status: 200, closes: true}) {
		t.Errorf("/healthz while it is stopping: got %+v, want 200 on a connection that closes", got)
	}
	late := s.order(s.Client, "late")
	if late.Err != nil {
		servesNoMore(t, address, late.Err)
	}
	service.Wants(t, "a new request on a new connection", late, http.StatusCreated, "")
	if got := old.ask(t, "/readyz"); got != (asked{status: 503, closes: true}) {
		t.Errorf("/readyz on a connection from before: got %+v, want 503 on a connection that closes", got)
	}
	service.Until(t, "it doesn't listen any more", func() bool { return !listens(address) })
	if took := time.Since(signaled); took < delay {
		t.Errorf("it listened for %s only, want SHUTDOWN_DELAY", took)
	}
	s.provider().Release()
	service.Wants(t, "what was accepted before", <-first, http.StatusCreated, "")
	if code := s.service.Wait(); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
	s.service.Restart()
	s.check()
	s.counts(1, 1)
}

func TestASecondSignalEndsTheServiceAtOnce(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := service.Start(t, service.Options{Env: map[string]string{"SHUTDOWN_DELAY": "10m"}})
		address := strings.TrimPrefix(s.URL(), "http://")
		s.Signal(sig)
		service.Until(t, "it is unready", func() bool { return dial(t, address).ask(t, "/readyz").status == 503 })
		if code := s.Stop(); code == 0 { // the second signal
			t.Errorf("%v: got exit code 0, want that of an ended process: requests may have been cut off", sig)
		}
	}
}

// Without the setting, a service with a database of its own waits for a balancer.
func TestAServiceOnAConfiguredDatabaseLingersByItself(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{Env: map[string]string{"SHUTDOWN_DELAY": ""}})
	if code := s.Stop(); code != 0 || !strings.Contains(s.Log(), `"delay":"5s"`) {
		t.Errorf("got exit code %d and the log %s, want 0 and a delay of 5s", code, s.Log())
	}
}

// listens tells whether a connection is accepted.
func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// connection is one that a client keeps.
type connection struct{ net.Conn }

func dial(t *testing.T, address string) connection {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		servesNoMore(t, address, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return connection{conn}
}

// servesNoMore ends the test with one message, whether the connection was refused, reset or closed: which of them it is
// depends on the moment.
func servesNoMore(t *testing.T, address string, err error) {
	t.Helper()
	t.Fatalf("the service at %s serves no more: %v", address, err)
}

type asked struct {
	status int
	closes bool // the service closes the connection after it
}

// ask sends a GET on this connection, without sending it again on another.
func (c connection) ask(t *testing.T, path string) asked {
	t.Helper()
	got, err := c.get(path)
	if err != nil {
		servesNoMore(t, c.RemoteAddr().String(), err)
	}
	return got
}

func (c connection) get(path string) (asked, error) {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: payonce\r\n\r\n", path); err != nil {
		return asked{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return asked{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return asked{resp.StatusCode, resp.Close}, err
}
