package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/payonce/payonce/internal/safeurl"
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
	// Trace, when set, measures each call as a span.
	Trace Tracer
	// Traceparent, when set, returns the header of that name (W3C Trace Context) for a request that is sent under a context; empty is
	// none. It is no part of what makes two requests the same.
	Traceparent func(ctx context.Context) string
}

// Tracer measures calls. The call runs under the context that Start returns, and end gets its error.
type Tracer interface {
	Start(ctx context.Context, span string) (_ context.Context, end func(error))
}

type noTracer struct{}

func (noTracer) Start(ctx context.Context, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
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
	trace     Tracer

	traceparent func(ctx context.Context) string
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
	if cfg.Trace == nil {
		cfg.Trace = noTracer{}
	}
	if cfg.Traceparent == nil {
		cfg.Traceparent = func(context.Context) string { return "" }
	}
	return &Client{
		base: base, secret: cfg.SecretKey, version: cfg.Version, timeout: cfg.Timeout,
		transport: newTransport(), breaker: newBreaker(cfg), observe: cfg.Observe, trace: cfg.Trace, traceparent: cfg.Traceparent,
	}, nil
}

// parseBase accepts an address and nothing that could carry a credential or be lost when paths are joined to it.
// The error leaves the value out, which could hold a password.
func parseBase(raw string) (*url.URL, error) {
	if err := safeurl.HTTP(raw); err != nil {
		return nil, fmt.Errorf("provider URL: must be http://HOST[:PORT] or https://HOST[:PORT]: %w", err)
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil {
		return nil, errors.New("provider URL: must be a plain http or https address without a user name")
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
		return nil, errors.New("provider URL: must have no path, query or fragment")
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

// Account names the account that the secret key belongs to, for comparing: 16 hexadecimal digits of SHA-256 over the key,
// from which the key can't be found. A key that was exchanged for another one of the same account counts as another account.
func (c *Client) Account() string {
	sum := sha256.Sum256([]byte("payonce/provider-account/v1\n" + c.secret))
	return "stripe:" + hex.EncodeToString(sum[:8])
}

// Ready returns ErrUnavailable while the breaker is open. It is asked before anything is written for a payment, so that
// a provider that is down costs no claim and no release.
func (c *Client) Ready() error {
	if c.breaker.State() == gobreaker.StateOpen {
		return ErrUnavailable
	}
	return nil
}

// Breaker is the state of the circuit breaker: closed, half-open or open.
func (c *Client) Breaker() string { return c.breaker.State().String() }

// Close drops idle connections. Calls in flight go on.
func (c *Client) Close() { c.transport.CloseIdleConnections() }
