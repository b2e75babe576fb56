package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
)

// ErrMediaType means that the body is not JSON in UTF-8, or it is encoded.
var ErrMediaType = errors.New("the body must be application/json")

const (
	jsonType       = "application/json"
	defaultMaxBody = 64 << 10
	canonicalDepth = 32
)

// Config is what an Idempotency needs to know about its service.
type Config struct {
	// Tenant returns the tenant whose key it is; required. It must come from authentication, never from what the client claims.
	Tenant func(c *gin.Context) idempotency.Tenant
	// Limiter names whose rate is counted; nil: no rate is.
	Limiter func(c *gin.Context) string
	// Fail renders errors; default: DefaultFail, with a line in the log for each 5xx.
	Fail Fail
	// MaxBody bounds the body, in bytes, where the middleware Body hasn't read it already; default 64 KiB.
	MaxBody int
	// NoWait ignores Prefer: wait, so that a copy of a request in flight is always refused at once. How long others may wait
	// says the engine's Options.MaxWait.
	NoWait bool
	// Replay names headers of plain handlers that are stored and replayed beside those that describe the content (Content-*,
	// Location, Link, ETag, Last-Modified, and Retry-After on 202). NewIdempotency refuses cookies, credentials, request ids,
	// rate limits and hop-by-hop headers: they belong to one request, and never to its copies.
	Replay []string
	// MediaTypes are accepted on bodies beside application/json, "application/x-www-form-urlencoded" say. Two such bodies
	// are the same request only when they are the same bytes.
	MediaTypes []string
	// Log gets what a client must not see; default slog.Default.
	Log *slog.Logger
}

// Idempotency puts routes behind an engine. It only translates: HTTP to a request, an outcome to HTTP.
type Idempotency[T any] struct {
	engine   *idempotency.Engine[T]
	config   Config
	replayed replayed
}

// NewIdempotency returns the middleware of an engine. It panics on a Config that can't be meant: without a Tenant, with a
// header in Replay that must not be replayed, or with a MediaType that is none.
func NewIdempotency[T any](engine *idempotency.Engine[T], config Config) *Idempotency[T] {
	replayed, err := config.check()
	if err != nil {
		panic(err) //nolint:forbidigo // see above
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Fail == nil {
		config.Fail = logged(config.Log, DefaultFail)
	}
	if config.MaxBody <= 0 {
		config.MaxBody = defaultMaxBody
	}
	if config.Limiter == nil {
		config.Limiter = func(*gin.Context) string { return "" }
	}
	return &Idempotency[T]{engine: engine, config: config, replayed: replayed}
}

// Bind reads a request and returns its work. It asks no store, and is not called where L1 has the answer. An error refuses
// the request, after its key was looked up: what an earlier release stored is replayed whatever today's rules are. A refusal
// leaves no trace: its key is not burnt.
type Bind[T any] func(c *gin.Context, req idempotency.Request) (idempotency.Work[T], error)

// Do is a handler that runs the work which bind returns, once.
func (m *Idempotency[T]) Do(bind Bind[T]) gin.HandlerFunc {
	return func(c *gin.Context) {
		req, err := m.request(c)
		if err != nil {
			m.config.Fail(c, err)
			return
		}
		m.run(c, req, func() (idempotency.Work[T], error) { return bind(c, req) }, nil)
	}
}

// run asks the engine and sends what it says. A plain handler that ran for this request has its own response in held.
func (m *Idempotency[T]) run(c *gin.Context, req idempotency.Request, bind func() (idempotency.Work[T], error), held *heldWriter) {
	state := stateOf(c)
	state.counted = true
	out, err := m.engine.DoLazily(c.Request.Context(), req, bind)
	state.keyUnused = out.KeyUnused
	setRateLimit(c, out.Admission)
	if refused, ok := errors.AsType[*notOutcomeError](err); ok {
		m.refused(c, refused)
		return
	}
	if err != nil {
		m.config.Fail(c, err)
		return
	}
	state.line.ServedBy = string(out.Source)
	if out.Waited {
		c.Header("Preference-Applied", fmt.Sprintf("wait=%d", int64(req.Wait.Seconds())))
	}
	if held != nil && held.finished && out.Source == idempotency.SourceFirst {
		setExpires(c, out)
		held.send(c.Writer, true)
		return
	}
	render(c, out)
}

// KeyUnused reports, for a request that was refused, that its key was looked up, that there is no record of it, and that
// nothing of the request goes on: the same effect under a new key could not be a second one.
func KeyUnused(c *gin.Context) bool { return stateOf(c).keyUnused }

func setExpires(c *gin.Context, out idempotency.Outcome) {
	c.Header("Idempotency-Key-Expires", out.ExpiresAt.UTC().Format(http.TimeFormat))
}

// render writes the response's own bytes. They were committed before they got here.
func render(c *gin.Context, out idempotency.Outcome) {
	header := c.Writer.Header()
	for _, h := range out.Response.Headers {
		header.Del(h.Name)
	}
	for _, h := range out.Response.Headers {
		if h.Value == "" && h.Name == "Content-Type" {
			header[h.Name] = nil // keeps net/http from guessing one
			continue
		}
		header.Add(h.Name, h.Value)
	}
	if out.Replayed() {
		header.Set("Idempotent-Replayed", "true")
	}
	setExpires(c, out)
	c.Writer.WriteHeader(out.Response.Status)
	_, _ = c.Writer.Write(out.Response.Body) // a client that is gone asks again and gets the same bytes
}

// request reads what identifies a request. Reading is all it does.
func (m *Idempotency[T]) request(c *gin.Context) (idempotency.Request, error) {
	key, err := idempotency.ParseKey(c.Request.Header.Values("Idempotency-Key"))
	if err != nil {
		return idempotency.Request{}, err
	}
	body, err := m.body(c)
	if err != nil {
		return idempotency.Request{}, err
	}
	mediaType, err := checkMediaType(c.Request, body, m.config.MediaTypes)
	if err != nil {
		return idempotency.Request{}, err
	}
	if mediaType == jsonType {
		if body, err = idempotency.Canonical(make([]byte, 0, len(body)), body, idempotency.CanonicalLimits{MaxDepth: canonicalDepth}); err != nil {
			return idempotency.Request{}, err
		}
	}
	method, path, query := c.Request.Method, c.Request.URL.EscapedPath(), c.Request.URL.RawQuery
	fingerprint, err := idempotency.NewFingerprint(method, path, query, mediaType, body)
	if err != nil {
		return idempotency.Request{}, err
	}
	var wait time.Duration
	if !m.config.NoWait {
		wait, _ = idempotency.ParsePreferWait(c.Request.Header.Values("Prefer"))
	}
	return idempotency.Request{
		Tenant: m.config.Tenant(c), Key: key, KeyHash: key.Hash(), Fingerprint: fingerprint, Method: method, Path: path, Route: c.FullPath(),
		Limiter: m.config.Limiter(c), Wait: wait,
		Earlier: func() []idempotency.Fingerprint {
			return idempotency.EarlierFingerprints(method, path, query, mediaType, body)
		},
	}, nil
}

func (m *Idempotency[T]) body(c *gin.Context) ([]byte, error) {
	state := stateOf(c)
	if state.read {
		return state.body, nil
	}
	body, err := readBody(c, m.config.MaxBody)
	if err == nil {
		state.body, state.read = body, true
	}
	return body, err
}

// checkMediaType returns the media type of a body, and nothing for a request without one.
func checkMediaType(r *http.Request, body []byte, others []string) (string, error) {
	if strings.Join(r.Header.Values("Content-Encoding"), "") != "" { // Get would see the first line only
		return "", fmt.Errorf("%w: Content-Encoding is not supported, send the body as it is", ErrMediaType)
	}
	values := r.Header.Values("Content-Type")
	if len(body) == 0 && len(values) == 0 {
		return "", nil
	}
	if len(values) == 1 && values[0] == jsonType && len(body) > 0 { // as nearly all clients write it
		return jsonType, nil
	}
	if len(values) != 1 {
		return "", fmt.Errorf("%w: %d Content-Type headers were sent, not one", ErrMediaType, len(values))
	}
	mediaType, parameters, err := mime.ParseMediaType(values[0])
	if err == nil && slices.Contains(others, mediaType) {
		if len(body) == 0 {
			return "", nil
		}
		return mediaType, nil
	}
	if err != nil || mediaType != jsonType {
		return "", fmt.Errorf("%w, not %.100q", ErrMediaType, values[0])
	}
	for name, value := range parameters {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return "", fmt.Errorf("%w in UTF-8, not %.100q", ErrMediaType, values[0])
		}
	}
	if len(body) == 0 {
		return "", nil
	}
	return mediaType, nil
}
