package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds one answer's body. A page of 100 intents is a few hundred KiB at most.
const maxAnswer = 1 << 20

var errTooLong = fmt.Errorf("answer is longer than %d bytes", maxAnswer)

// newTransport makes the client's own connections: no proxy from the environment (it would see the secret key and could
// re-send), HTTP/1.1 only (one connection carries one request at a time, so the byte count of a connection is the byte
// count of a request), and no decompression (a small answer cannot grow).
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		Protocols:              protocols,
		DisableCompression:     true,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        30 * time.Second, // below the usual idle limits of balancers and NAT
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// request is one call, free of anything that changes between two sends of it.
type request struct {
	method string
	path   string // escaped
	query  url.Values
	form   url.Values // nil on GET
	key    string     // Idempotency-Key, "" on GET
}

// reply is what came back: a status with its body, or an error with the proof whether the request can have left.
type reply struct {
	status      int
	contentType string
	body        []byte
	err         error
	notSent     bool
}

// do sends req once. The second round is taken only when a kept-alive connection was dead before any byte of the request
// was handed to it, which is not a send.
func (c *Client) do(ctx context.Context, req request, until limits) reply {
	if err := ctx.Err(); err != nil {
		return reply{err: fmt.Errorf("not started: %w", err), notSent: true}
	}
	for round := 0; ; round++ {
		attempt := newTrace(until)
		rep := c.roundTrip(attempt.follow(ctx), req)
		if rep.err == nil || rep.status != 0 {
			return rep
		}
		if round == 0 && ctx.Err() == nil && attempt.deadBeforeUse() {
			c.transport.CloseIdleConnections() // its neighbours were probably cut at the same time
			continue
		}
		rep.notSent = attempt.neverLeft(rep.err)
		return rep
	}
}

// roundTrip uses the transport rather than http.Client: no redirect is followed, no cookie kept, nothing added.
func (c *Client) roundTrip(ctx context.Context, req request) reply {
	httpReq, err := c.newRequest(ctx, req)
	if err != nil {
		return reply{err: err}
	}
	resp, err := c.transport.RoundTrip(httpReq)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	rep := reply{status: resp.StatusCode, contentType: resp.Header.Get("Content-Type")}
	rep.body, rep.err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if rep.err == nil && len(rep.body) > maxAnswer {
		rep.body, rep.err = nil, errTooLong
	}
	return rep
}

// newRequest writes req for the wire. url.Values encodes sorted by name, so equal calls are equal bytes.
func (c *Client) newRequest(ctx context.Context, req request) (*http.Request, error) {
	target := c.base.String() + req.path
	if len(req.query) > 0 {
		target += "?" + req.query.Encode()
	}
	var body io.Reader
	if req.form != nil {
		body = bytes.NewReader([]byte(req.form.Encode()))
	}
	httpReq, err := http.NewRequestWithContext(ctx, req.method, target, body)
	if err != nil {
		return nil, errors.New("request cannot be written")
	}
	// Without GetBody net/http cannot re-send the POST on a fresh connection behind our back.
	httpReq.GetBody = nil
	httpReq.Header.Set("Authorization", "Bearer "+c.secret)
	httpReq.Header.Set("Stripe-Version", c.version)
	httpReq.Header.Set("Accept", "application/json")
	httpReq.Header.Set("User-Agent", "payonce")
	if req.form != nil {
		httpReq.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if req.key != "" {
		httpReq.Header.Set("Idempotency-Key", req.key)
	}
	if parent := c.traceparent(ctx); parent != "" {
		httpReq.Header.Set("Traceparent", parent)
	}
	return httpReq, nil
}

// isJSON accepts application/json with any parameters; an HTML page of a gateway in between is not an answer.
func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "application/json")
}
