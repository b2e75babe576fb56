package handlers

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/payonce/payonce/internal/cardnumber"
)

const maxReturnURL = 2048

// ReturnURLs says where a customer may be sent back to after a challenge.
type ReturnURLs struct {
	// Loopback allows http addresses of the customer's own machine: a shop that is being developed has no other.
	Loopback bool
}

// check is what is wrong with an address, as the code and the detail of a field's error; empty when nothing is. payonce itself sends
// no browser there. The provider does, and it gets the address as it is: what programs read in more than one way is refused.
func (r ReturnURLs) check(raw string) (code, detail string) {
	switch {
	case raw == "" || len(raw) > maxReturnURL:
		return "length", "must have 1 to 2048 characters"
	case strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\\\"<>^`{|}", c) }):
		return "format", "holds a character that an address can't hold; write it percent-encoded"
	case strings.Contains(raw, "#"):
		return "format", "must not have a fragment: the provider adds its parameters at the end"
	case cardnumber.Find(raw):
		return "card_number", "looks like a card number; card data must never be sent here"
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http" || !plainHost(u.Host):
		return "format", "must be an absolute address such as https://shop.example/back"
	case u.User != nil:
		return "format", "must not have a user name or a password"
	case u.Scheme == "http" && (!r.Loopback || !loopback(u.Hostname())):
		return "not_allowed", "must begin with https://"
	}
	return "", ""
}

// plainHost is a name or an address, perhaps with a port, without anything percent-encoded.
func plainHost(host string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]"
	return strings.Trim(host, plain) == "" && strings.Trim(host, ".-:[]") != "" && !strings.HasPrefix(host, ":")
}

// loopback reports whether a host is the machine that the browser itself runs on (RFC 6761, section 6.3).
func loopback(host string) bool {
	if host = strings.ToLower(host); host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
