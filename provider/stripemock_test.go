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
)

// TestStripesOwnDescriptionAcceptsTheRequests runs the client against the open-source mock of Stripe, which checks requests
// against Stripe's OpenAPI description and answers with fixtures. So it proves the wire, not the money.
func TestStripesOwnDescriptionAcceptsTheRequests(t *testing.T) {
	t.Parallel()
	c := client(t, startStripeMock(t), func(cfg *provider.Config) { cfg.Timeout = 30 * time.Second })
	for _, manual := range []bool{false, true} {
		req := ask()
		req.Manual = manual
		res := c.Authorize(t.Context(), req)
		if res.Outcome != provider.Answered || !strings.HasPrefix(res.Intent.Reference, "pi_") || res.Intent.Currency != "USD" {
			t.Fatalf("authorize: %+v %+v", res, res.Intent)
		}
		if want := map[bool]string{false: "automatic", true: "manual"}[manual]; res.Intent.CaptureMethod != want {
			t.Errorf("capture method %q, want %q", res.Intent.CaptureMethod, want)
		}
	}
	if res := c.Retrieve(t.Context(), "pi_123"); res.Outcome != provider.Answered || res.Intent.Reference != "pi_123" {
		t.Errorf("retrieve: %+v", res)
	}
	// The fixture's list holds one intent that is not ours.
	if res := c.Find(t.Context(), look()); res.Outcome != provider.NotFound {
		t.Errorf("find: %+v", res)
	}
}

// startStripeMock builds and runs the mock on a free loopback port. Without it the test is skipped, but never in CI.
func startStripeMock(t *testing.T) (url string) {
	t.Helper()
	binary, err := buildStripeMock(t)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
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
