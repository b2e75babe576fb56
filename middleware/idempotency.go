package middleware

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

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
	// Tenant tells whose key it is; required. It must come from authentication, never from what the client claims.
	Tenant func(c *gin.Context) idempotency.Tenant
	// Limiter names whose rate is counted; nil: nobody's.
	Limiter func(c *gin.Context) string
	// Fail renders errors; default: problems as EngineProblem makes them.
	Fail Fail
	// MaxBody bounds the body, in bytes, where the middleware Body hasn't read it already; default 64 KiB.
	MaxBody int
}

// Idempotency puts routes behind an engine. It only translates: HTTP to a request, an outcome to HTTP.
type Idempotency[T any] struct {
	engine *idempotency.Engine[T]
	config Config
}

// NewIdempotency returns the middleware of an engine.
func NewIdempotency[T any](engine *idempotency.Engine[T], config Config) *Idempotency[T] {
	if config.Fail == nil {
		config.Fail = Problems(EngineProblem)
	}
	if config.MaxBody <= 0 {
		config.MaxBody = defaultMaxBody
	}
	if config.Limiter == nil {
		config.Limiter = func(*gin.Context) string { return "" }
	}
	return &Idempotency[T]{engine: engine, config: config}
}

// Bind reads a request and returns its work, before anything is asked of a store. An error refuses the request without
// a trace: its key is not burnt.
type Bind[T any] func(c *gin.Context, req idempotency.Request) (idempotency.Work[T], error)

// Do is a handler that runs the work which bind returns, once.
func (m *Idempotency[T]) Do(bind Bind[T]) gin.HandlerFunc {
	return func(c *gin.Context) {
		req, err := m.request(c)
		if err != nil {
			m.config.Fail(c, err)
			return
		}
		work, err := bind(c, req)
		if err != nil {
			m.config.Fail(c, err)
			return
		}
		m.run(c, req, work)
	}
}

func (m *Idempotency[T]) run(c *gin.Context, req idempotency.Request, work idempotency.Work[T]) {
	arrivalOf(c).counted = true
	out, err := m.engine.Do(c.Request.Context(), req, work)
	setRateLimit(c, out.Admission)
	if refused, ok := errors.AsType[*notOutcomeError](err); ok {
		refused.held.send(c.Writer)
		return
	}
	if err != nil {
		m.config.Fail(c, err)
		return
	}
	Note(c, "served_by", string(out.Level))
	if out.Waited {
		c.Header("Preference-Applied", fmt.Sprintf("wait=%d", int64(req.Wait.Seconds())))
	}
	render(c, out)
}

// render writes the response's own bytes. They were committed before they got here.
func render(c *gin.Context, out idempotency.Outcome) {
	header := c.Writer.Header()
	for _, h := range out.Response.Headers {
		header.Del(h.Name)
	}
	for _, h := range out.Response.Headers {
		header.Add(h.Name, h.Value)
	}
	if out.Replayed() {
		header.Set("Idempotent-Replayed", "true")
	}
	header.Set("Idempotency-Key-Expires", out.ExpiresAt.UTC().Format(http.TimeFormat))
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
	mediaType, err := checkMediaType(c.Request, body)
	if err != nil {
		return idempotency.Request{}, err
	}
	if mediaType != "" {
		if body, err = idempotency.Canonical(make([]byte, 0, len(body)), body, idempotency.CanonicalLimits{MaxDepth: canonicalDepth}); err != nil {
			return idempotency.Request{}, err
		}
	}
	path := c.Request.URL.EscapedPath()
	fingerprint, err := idempotency.NewFingerprint(c.Request.Method, path, c.Request.URL.RawQuery, mediaType, body)
	if err != nil {
		return idempotency.Request{}, err
	}
	wait, _ := idempotency.ParsePreferWait(c.Request.Header.Values("Prefer"))
	return idempotency.Request{
		Tenant: m.config.Tenant(c), Key: key, KeyHash: key.Hash(), Fingerprint: fingerprint, Method: c.Request.Method, Path: path,
		Limiter: m.config.Limiter(c), Wait: wait,
	}, nil
}

func (m *Idempotency[T]) body(c *gin.Context) ([]byte, error) {
	a := arrivalOf(c)
	if a.read {
		return a.body, nil
	}
	body, err := readBody(c, m.config.MaxBody)
	if err == nil {
		a.body, a.read = body, true
	}
	return body, err
}

// checkMediaType returns the media type of a body, and nothing for a request without one.
func checkMediaType(r *http.Request, body []byte) (string, error) {
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
