package notifications

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

const (
	maxURL        = 2048
	lookUpBudget  = 2 * time.Second
	leastFreePort = 1024
)

// AddressError says why an address is not sent to. Its text is for the merchant that named the address.
type AddressError struct{ Code, Reason string }

func (e *AddressError) Error() string { return e.Reason }

// Addresses decides where events may be sent: to public addresses, over TLS. A receiver is named by a merchant, so without this
// a merchant could have payonce send requests into the network that it runs in.
type Addresses struct {
	guard    *ssrf.Guardian
	loopback bool // this machine may be named, without TLS
	resolver interface {
		LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	}
}

// NewAddresses returns the rules. With loopback, receivers on this machine are allowed, for development.
func NewAddresses(loopback bool) *Addresses {
	options := []ssrf.Option{ssrf.WithAnyPort()} // the ports have a rule of their own
	if loopback {
		options = append(options, ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("127.0.0.0/8")),
			ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128")))
	}
	return &Addresses{guard: ssrf.New(options...), loopback: loopback, resolver: net.DefaultResolver}
}

// Check refuses an address that nothing may be sent to, as far as its text shows. One that programs read in more than one way is
// refused, too.
func (a *Addresses) Check(raw string) error {
	if raw == "" || len(raw) > maxURL {
		return &AddressError{"length", "must have 1 to 2048 characters"}
	}
	if strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\\\"<>^`{|}", c) }) {
		return &AddressError{"format", "holds a character that an address can't hold; write it percent-encoded, and a name in its ASCII form"}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return &AddressError{"format", "must be an absolute address such as https://shop.example/webhooks"}
	}
	if u.User != nil {
		return &AddressError{"format", "must not have a user name or a password: the signature shows who sends"}
	}
	if u.Fragment != "" || strings.Contains(raw, "#") {
		return &AddressError{"format", "must not have a fragment: it is never sent"}
	}
	if err := a.checkHost(u); err != nil {
		return err
	}
	return checkPort(u.Port(), u.Scheme)
}

func (a *Addresses) checkHost(u *url.URL) error {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	address, err := netip.ParseAddr(host)
	literal := err == nil
	local := host == "localhost" || literal && address.IsLoopback() && !address.Is4In6()
	switch {
	case u.Scheme == "http" && a.loopback && local:
		return nil
	case u.Scheme != "https":
		return &AddressError{"not_allowed", "must begin with https://"}
	case local && a.loopback:
		return nil
	case literal && address.Zone() != "", literal && a.guard.SafeAddr(address) != nil:
		return &AddressError{"not_allowed", "is not an address of the public internet"}
	case literal:
		return nil
	case !isPublicName(host):
		return &AddressError{"not_allowed", "is not a name of the public internet"}
	}
	return nil
}

// isPublicName refuses names that only a private network knows, and numbers in spellings that some programs take for addresses
// (0x7f.1, 2130706433: a last label that is a number is never a name, RFC 3696, section 2).
func isPublicName(host string) bool {
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	private := []string{"localhost", "local", "internal", "lan", "home", "corp", "intranet", "private", "invalid", "test", "onion"}
	numeric := last == "" || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	malformed := slices.ContainsFunc(labels, func(label string) bool {
		return label == "" || len(label) > 63 || strings.Trim(label, plain) != ""
	})
	return len(labels) > 1 && len(host) <= 253 && !malformed && !numeric && !slices.Contains(private, last)
}

// checkPort allows the two of the web and those that need no privilege: all others below belong to services that a request could harm.
func checkPort(port, scheme string) error {
	if port == "" {
		return nil
	}
	number, err := strconv.Atoi(port)
	if err != nil || number != 80 && number != 443 && number < leastFreePort || number > 65535 || number == 80 && scheme == "https" {
		return &AddressError{"not_allowed", "must be on port 443, or one from 1024 on"}
	}
	return nil
}

// CheckName refuses a name that stands for an address that nothing may be sent to, now. It is for the merchant's sake: what counts is
// what the name stands for when it is dialled, so a name that can't be resolved yet is accepted.
func (a *Addresses) CheckName(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return &AddressError{"format", "must be an absolute address"}
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil || a.loopback && u.Hostname() == "localhost" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpBudget)
	defer cancel()
	addresses, err := a.resolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	for _, address := range addresses {
		if a.guard.SafeAddr(address.Unmap()) != nil {
			return &AddressError{"not_allowed", "is a name of an address that is not one of the public internet"}
		}
	}
	return nil
}

// errRefused is what a dial to a refused address fails with.
var errRefused = errors.New("the address is not allowed")

// control is asked about each connection, after the name was resolved and before anything is sent.
func (a *Addresses) control(network, address string, conn syscall.RawConn) error {
	if err := a.guard.Safe(network, address, conn); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil || to.Port() != 80 && to.Port() != 443 && to.Port() < leastFreePort {
		return fmt.Errorf("%w: port %d", errRefused, to.Port())
	}
	return nil
}
