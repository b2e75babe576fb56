package notifications

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxAnswer  = 64 << 10 // read of an answer, so that its connection can be used again
	keptAnswer = 1 << 10  // shown to the merchant
	maxHeaders = 64 << 10
)

// The kinds of failure, as merchants see them. The errors themselves stay here: they name addresses and resolvers of ours.
const (
	FailedTimeout    = "timeout"
	FailedName       = "name_not_resolved"
	FailedAddress    = "address_not_allowed"
	FailedConnection = "connection_failed"
	FailedTLS        = "tls_failed"
	FailedStatus     = "status"   // answered, and not with 2xx; a redirect isn't followed
	FailedInside     = "internal" // ours: nothing was sent
)

// answer is what a receiver said, or why it said nothing.
type answer struct {
	status     int // 0: none
	body       string
	failure    string // "" for 2xx
	retryAfter time.Duration
	err        error // for the log
}

// message is what is sent.
type message struct {
	url, id string
	at      time.Time
	body    []byte
	secrets []string

	traceparent string // the header of that name; empty: none
}

// sender speaks to receivers. It follows no redirects, uses no proxy of the environment, and dials only what the addresses allow.
type sender struct {
	client    *http.Client
	addresses *Addresses
	timeout   time.Duration
}

func newSender(addresses *Addresses, timeout time.Duration, roots *x509.CertPool) *sender {
	dialer := &net.Dialer{Timeout: timeout, Control: addresses.control}
	return &sender{addresses: addresses, timeout: timeout, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:       nil, // it would be asked to dial what the addresses refuse
			DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
			TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ForceAttemptHTTP2: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeaders,
			MaxIdleConns: 256, MaxIdleConnsPerHost: perEndpoint, IdleConnTimeout: 30 * time.Second,
		},
	}}
}

// send makes one attempt. It returns within the time-out.
func (s *sender) send(ctx context.Context, m message) answer {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.addresses.Check(m.url); err != nil { // the rules may have become stricter since it was registered
		return answer{failure: FailedAddress, err: err}
	}
	signature, err := sign(m.id, m.at, m.body, m.secrets)
	if err != nil {
		return answer{failure: FailedInside, err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(m.body))
	if err != nil {
		return answer{failure: FailedAddress, err: err}
	}
	req.Header = http.Header{
		"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"payonce-webhooks/1"},
		headerID: {m.id}, headerTimestamp: {strconv.FormatInt(m.at.Unix(), 10)}, headerSignature: {signature},
	}
	if m.traceparent != "" {
		req.Header.Set("Traceparent", m.traceparent)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{failure: kindOf(err), err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp)
}

// read takes the answer's status, which decides, and the beginning of its body. A body that comes slowly, or not whole, changes nothing.
func read(resp *http.Response) answer {
	var kept bytes.Buffer
	_, _ = io.Copy(&kept, io.LimitReader(resp.Body, keptAnswer))
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer-keptAnswer))
	a := answer{status: resp.StatusCode, body: readable(kept.Bytes())}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		a.failure, a.retryAfter = FailedStatus, retryAfter(resp.Header.Get("Retry-After"), time.Now())
	}
	return a
}

// readable is text that PostgreSQL stores: UTF-8 without NUL. What was cut in the middle of a character ends before it.
func readable(b []byte) string {
	if len(b) == keptAnswer {
		for i := range utf8.UTFMax {
			if utf8.Valid(b[:len(b)-i]) {
				b = b[:len(b)-i]
				break
			}
		}
	}
	return strings.ReplaceAll(strings.ToValidUTF8(string(b), "\uFFFD"), "\x00", "\uFFFD")
}

// kindOf names an error of a send.
func kindOf(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.Is(err, errRefused):
		return FailedAddress
	case errors.As(err, &name):
		return FailedName
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return FailedTimeout
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return FailedTLS
	}
	return FailedConnection
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
