package provider_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/test/needs"
)

// TestStripesOwnDescriptionAcceptsTheRequests runs the client against the open-source mock of Stripe, which checks requests
// against Stripe's OpenAPI description and answers with fixtures. So it proves the wire, not the money.
func TestStripesOwnDescriptionAcceptsTheRequests(t *testing.T) {
	t.Parallel()
	c := client(t, startStripeMock(t), func(cfg *provider.Config) { cfg.Timeout = 30 * time.Second })
	for _, manual := range []bool{false, true} {
		req := ask()
		req.Manual, req.ReturnURL = manual, "https://shop.example/back"
		res := c.Authorize(t.Context(), req)
		if res.Outcome != provider.Answered || !strings.HasPrefix(res.Object.Reference, "pi_") || res.Object.Currency != "USD" {
			t.Fatalf("authorize: %+v %+v", res, res.Object)
		}
		if want := map[bool]string{false: "automatic", true: "manual"}[manual]; res.Object.CaptureMethod != want {
			t.Errorf("capture method %q, want %q", res.Object.CaptureMethod, want)
		}
	}
	if res := c.Retrieve(t.Context(), "pi_123"); res.Outcome != provider.Answered || res.Object.Reference != "pi_123" {
		t.Errorf("retrieve: %+v", res)
	}
	cancel := provider.CancelRequest{Key: "key-2", Reference: "pi_123"}
	if res := c.Cancel(t.Context(), cancel); res.Outcome != provider.Answered || res.Object.Reference != "pi_123" {
		t.Errorf("cancel: %+v", res)
	}
	askForCaptureAndRefund(t, c)
	// The fixture's list holds one intent that is not ours.
	if res := c.Find(t.Context(), look()); res.Outcome != provider.NotFound {
		t.Errorf("find: %+v", res)
	}
}

func askForCaptureAndRefund(t *testing.T, c *provider.Client) {
	t.Helper()
	capture := captureOf("pi_123")
	for range 2 {
		if res := c.Capture(t.Context(), capture); res.Outcome != provider.Answered || res.Object.Reference != "pi_123" {
			t.Errorf("capture of %d: %+v", capture.Amount, res)
		}
		capture.Key, capture.Amount, capture.Final = "key-4", 0, true
	}
	refund := refundOf("pi_123")
	refund.Reason = "returned"
	if res := c.Refund(t.Context(), refund); res.Outcome != provider.Answered || !strings.HasPrefix(res.Object.Reference, "re_") {
		t.Errorf("refund: %+v", res)
	}
	if res := c.RetrieveRefund(t.Context(), "re_123"); res.Outcome != provider.Answered || res.Object.Reference != "re_123" {
		t.Errorf("retrieve refund: %+v", res)
	}
	if got, err := c.ListRefunds(t.Context(), provider.ListRequest{To: time.Now()}); err != nil || len(got.Objects) != 1 {
		t.Errorf("list refunds: %+v, %v", got, err)
	}
	if got, err := c.ListIntents(t.Context(), provider.ListRequest{To: time.Now()}); err != nil || len(got.Objects) != 1 {
		t.Errorf("list intents: %+v, %v", got, err)
	}
	// The fixture's list holds one refund that is not ours.
	if res := c.FindRefund(t.Context(), lookForRefund()); res.Outcome != provider.NotFound {
		t.Errorf("find refund: %+v", res)
	}
}

// startStripeMock builds and runs the mock on a free loopback port. Without it the test is skipped, but never in CI.
func startStripeMock(t *testing.T) (url string) {
	t.Helper()
	binary, err := buildStripeMock(t)
	if err != nil {
		needs.Missing(t, err.Error())
	}
	ctx, cancel := context.WithCancel(context.Background())
	mock := exec.CommandContext(ctx, binary, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	mock.WaitDelay = 5 * time.Second
	out, err := mock.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if found, ok := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); ok {
				address <- found
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-drained
		_ = mock.Wait() // killed: its exit code says nothing
	})
	select {
	case found := <-address:
		return "http://" + found
	case <-drained:
		t.Fatal("stripe-mock ended before it listened")
	case <-time.After(30 * time.Second):
		t.Fatal("stripe-mock did not listen within 30 s")
	}
	return ""
}

// buildStripeMock builds the version that the module in testdata pins, with its checksums.
func buildStripeMock(t *testing.T) (binary string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	binary = filepath.Join(t.TempDir(), "stripe-mock")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/stripe/stripe-mock")
	build.Dir = filepath.Join("testdata", "stripemock")
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("stripe-mock cannot be built: %w: %s", err, out)
	}
	return binary, nil
}
