package safeurl

import (
	"context"
	"database/sql/driver"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Error says why an address is refused. It holds nothing of the address.
type Error struct{ Reason string }

func (e *Error) Error() string { return e.Reason }

const escapes = `in a user name or password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, a comma as %2C and a space as %20`

func refuse(what string) error { return &Error{what + "; " + escapes} }

var (
	// plainHost is a name, an IPv4 address, or an IPv6 address with its zone, in brackets.
	plainHost = regexp.MustCompile(`^([A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(%(25)?[A-Za-z0-9._-]+)?\])$`)
	plainPort = regexp.MustCompile(`^[0-9]*$`)
	plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	badEscape = regexp.MustCompile(`%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)`)
)

// wellWritten refuses what no address holds, however it goes on.
func wellWritten(raw string) error {
	switch {
	case strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return refuse("it holds a space or a control character")
	case badEscape.MatchString(raw):
		return refuse("it holds a % that two hexadecimal digits don't follow")
	}
	return nil
}

// checkHost refuses a host and port that could be the end of a password.
func checkHost(hostAndPort string) error {
	host, port := hostAndPort, ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host, port = host[:i], host[i+1:]
	}
	switch {
	case strings.ContainsAny(hostAndPort, "@") || strings.Contains(hostAndPort, "%40"):
		return refuse("its host holds an @")
	case !plainPort.MatchString(port):
		return refuse("its port is not a number")
	case !plainHost.MatchString(host):
		return refuse("its host holds a character that no host has")
	}
	return nil
}

// Redact replaces each secret in the text. Secrets of less than 4 bytes stay: they are in every second word.
func Redact(text string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// secretsOf are the passwords of an address that was checked, as they are written and as they are meant.
func secretsOf(raw string) (secrets []string) {
	add := func(written string) {
		secrets = append(secrets, written)
		for _, unescape := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
			if meant, err := unescape(written); err == nil && !slices.Contains(secrets, meant) {
				secrets = append(secrets, meant)
			}
		}
	}
	_, rest, isURL := strings.Cut(raw, "://")
	if !isURL {
		pairs, _ := keywords(raw)
		for _, pair := range pairs {
			if isPassword(pair[0]) {
				add(pair[1])
			}
		}
		return secrets
	}
	authority, _, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if _, password, ok := strings.Cut(authority[:at], ":"); ok {
			add(password)
		}
	}
	_, query, _ := strings.Cut(rest[len(authority):], "?")
	for piece := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(piece, "="); isPassword(name) {
			add(value)
		}
	}
	return secrets
}

func isPassword(name string) bool { return name == "password" || name == "sslpassword" }

// Hide makes an error whose text holds no password of the address; errors.Is and errors.As see through it.
func Hide(err error, raw string) error {
	if err == nil {
		return nil
	}
	if text := Redact(err.Error(), secretsOf(raw)...); text != err.Error() {
		return &hidden{text, err}
	}
	return err
}

// Cause is what a driver's error about an address says besides the address, which drivers repeat with what they take for the
// password struck out.
func Cause(err error, raw string) error {
	if inner := errors.Unwrap(err); inner != nil {
		return Hide(inner, raw)
	}
	return &Error{"the driver does not accept it"}
}

type hidden struct {
	text string
	err  error
}

func (h *hidden) Error() string { return h.text }
func (h *hidden) Unwrap() error { return h.err }

// Connector is a driver's connector whose errors hold no password of the address that it connects to.
func Connector(inner driver.Connector, raw string) driver.Connector { return &connector{inner, raw} }

type connector struct {
	driver.Connector
	raw string
}

// Connect implements [driver.Connector].
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return conn, Hide(err, c.raw)
}
