package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/sony/gobreaker/v2"
)

// DefaultVersion is the Stripe-Version sent when Config.Version is empty. It is pinned because the provider changes the
// shape of its answers between versions.
const DefaultVersion = "2024-06-20"

// Config is everything a Client needs. Printing or logging it does not show SecretKey.
type Config struct {
	// URL is the provider's base address, http or https, without a path (https://api.stripe.com).
	URL string
	// SecretKey is sent as a bearer token.
	SecretKey string
	// Version is the Stripe-Version header; empty means DefaultVersion.
	Version string
	// Timeout bounds a whole call, from resolving the name to the last byte of the answer (a Find with all its
	// pages), together with the caller's context. It must be positive.
	Timeout time.Duration
	// BreakerFailures is how many calls in a row must stay without a clear answer until the breaker opens, and
	// BreakerPause for how long it then refuses; zero means 10 and 2 s.
	BreakerFailures int
	BreakerPause    time.Duration
	// Log gets one line per change of the breaker's state; nil discards them.
	Log *slog.Logger
	// Observe, when set, is called once per call with its name (authorize, retrieve, find), outcome and duration.
	Observe func(op string, o Outcome, d time.Duration)
}

// String hides the secret key from fmt's %v, %+v and %s.
func (c Config) String() string {
	return fmt.Sprintf("provider.Config{URL:%q Version:%q Timeout:%s}", c.URL, c.Version, c.Timeout)
}

// GoString hides the secret key from %#v.
func (c Config) GoString() string { return c.String() }

// LogValue hides the secret key from slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Client calls the payment provider. It is safe for concurrent use; Close it to drop its idle connections.
type Client struct {
	base      *url.URL
	secret    string
	version   string
	timeout   time.Duration
	transport *http.Transport
	breaker   *gobreaker.TwoStepCircuitBreaker[any]
	observe   func(op string, o Outcome, d time.Duration)
}

// String hides the secret key from fmt's %v and %+v.
func (c *Client) String() string { return "provider.Client(" + c.base.String() + ")" }

// GoString hides the secret key from %#v.
func (c *Client) GoString() string { return c.String() }

// New checks the settings and returns a client. It opens no connection. Errors name the setting, never the key.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.URL)
	if err != nil {
		return nil, err
	}
	if !isHeaderToken(cfg.SecretKey) {
		return nil, errors.New("provider secret key: must be printable ASCII without spaces, and not empty")
	}
	if cfg.Version == "" {
		cfg.Version = DefaultVersion
	}
	if !isHeaderToken(cfg.Version) {
		return nil, fmt.Errorf("provider version %q: must be printable ASCII without spaces", cfg.Version)
	}
	if cfg.Timeout <= 0 {
		return nil, fmt.Errorf("provider timeout %s: must be positive", cfg.Timeout)
	}
	if cfg.BreakerFailures < 0 || cfg.BreakerPause < 0 {
		return nil, fmt.Errorf("provider breaker: %d failures and a pause of %s must not be negative",
			cfg.BreakerFailures, cfg.BreakerPause)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, Outcome, time.Duration) {}
	}
	return &Client{
		base: base, secret: cfg.SecretKey, version: cfg.Version, timeout: cfg.Timeout,
		transport: newTransport(), breaker: newBreaker(cfg), observe: cfg.Observe,
	}, nil
}

// parseBase accepts an address and nothing that could carry a credential or be lost when paths are joined to it.
// The error leaves out the value where it could hold a password.
func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil {
		return nil, errors.New("provider URL: must be a plain http or https address without a user name")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, fmt.Errorf("provider URL %q: must be http://HOST[:PORT] or https://HOST[:PORT]", raw)
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("provider URL %q: must have no path, query or fragment", raw)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// isHeaderToken keeps line breaks out of headers before net/http gets a chance to quote the value in an error.
func isHeaderToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// Ready returns ErrUnavailable while the breaker is open. It is asked before anything is written for a payment, so that
// a provider that is down costs no claim and no take-back.
func (c *Client) Ready() error {
	if c.breaker.State() == gobreaker.StateOpen {
		return ErrUnavailable
	}
	return nil
}

// Close drops idle connections. Calls in flight go on.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// mutate makes one call that may move money: through the breaker, and observed.
func (c *Client) mutate(ctx context.Context, op string, req request) Result {
	start := time.Now()
	done, err := c.breaker.Allow()
	if err != nil {
		res := Result{Outcome: NotSent, Err: fmt.Errorf("%s: %w", op, ErrUnavailable)}
		c.observe(op, res.Outcome, time.Since(start))
		return res
	}
	var res Result
	// Deferred, so that a panic counts as a failure instead of keeping the half-open breaker's only place for ever.
	defer func() {
		done(breakerVerdict(res))
		c.observe(op, res.Outcome, time.Since(start))
	}()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res = c.judge(op, c.do(ctx, req))
	return res
}
