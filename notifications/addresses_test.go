package notifications

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestOnlyPublicAddressesAreAccepted(t *testing.T) {
	t.Parallel()
	production := NewAddresses(false)
	for _, good := range []string{
		"https://shop.example/webhooks", "https://shop.example", "https://shop.example:443/", "https://shop.example:8443/a?b=c",
		"https://93.184.215.14/", "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:1024/", "https://xn--bcher-kva.example/x", "https://SHOP.example./",
	} {
		if err := production.Check(good); err != nil {
			t.Errorf("%s is refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "shop.example", "/webhooks", "http://shop.example/", "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/", "https:shop.example", "https://",
		"https://user@shop.example/", "https://user:secret@shop.example/", "https://shop.example/#part", "https://shop.example/ x", "https://shop.example\\@127.0.0.1/",
		"https://bücher.example/", "https://shop.example/\x00", "https://" + strings.Repeat("x", 2048) + ".example/",
		"https://localhost/", "https://LOCALHOST./", "https://a.localhost/", "https://printer.local/", "https://metadata.google.internal/", "https://intranet/", "https://db.corp/",
		"https://127.0.0.1/", "https://127.8.8.8/", "https://0.0.0.0/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data",
		"https://100.64.0.1/", "https://100.100.100.200/", "https://224.0.0.1/", "https://239.255.255.250/", "https://255.255.255.255/", "https://198.18.0.1/", "https://192.0.2.1/", "https://240.0.0.1/",
		"https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::ffff:93.184.215.14]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fc00::1]/", "https://[fd00:ec2::254]/",
		"https://[ff02::1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[2001::1]/", "https://[2001:db8::1]/",
		"https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1.:443/", "https://1.2.3.4.5/", "https://127.0.0.01/", "https://①②⑦.0.0.1/",
		"https://shop.example:22/", "https://shop.example:25/", "https://shop.example:1023/", "https://shop.example:0/", "https://shop.example:65536/", "https://shop.example:-1/", "https://shop.example:80/", "https://shop.example:x/",
		"https://shop..example/", "https://shop_.ex%61mple/",
	} {
		err := production.Check(bad)
		if _, ok := errors.AsType[*AddressError](err); !ok {
			t.Errorf("%q is accepted (%v)", bad, err)
		}
	}
}

func TestThisMachineIsAcceptedInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	development := NewAddresses(true)
	for _, good := range []string{"http://127.0.0.1:4242/", "http://localhost:4242/", "http://[::1]:4242/", "https://localhost:4242/", "https://shop.example/"} {
		if err := development.Check(good); err != nil {
			t.Errorf("%s is refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"http://shop.example/", "http://10.0.0.1:4242/", "http://169.254.169.254/", "http://127.0.0.1:22/", "http://127.0.0.1.nip.io:4242/",
		"http://[::ffff:127.0.0.1]:4242/", "https://192.168.1.1/", "http://0.0.0.0:4242/",
	} {
		if development.Check(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// names is a resolver with one answer.
type names []netip.Addr

func (n names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	if n == nil {
		return nil, &net.DNSError{IsNotFound: true}
	}
	return n, nil
}

func TestANameIsRefusedWhenAnyOfItsAddressesIs(t *testing.T) {
	t.Parallel()
	public, private := netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr("10.0.0.1")
	for name, test := range map[string]struct {
		resolver names
		refused  bool
	}{
		"public": {names{public}, false}, "private": {names{private}, true}, "both": {names{public, private}, true},
		"mapped": {names{netip.MustParseAddr("::ffff:10.0.0.1")}, true}, "unknown yet": {nil, false},
	} {
		rules := NewAddresses(false)
		rules.resolver = test.resolver
		if err := rules.CheckName(t.Context(), "https://shop.example/"); (err != nil) != test.refused {
			t.Errorf("%s: %v, want refused: %t", name, err, test.refused)
		}
	}
}

// What counts is the address that is dialled: a name may stand for another one than when it was checked.
func TestAnAddressIsCheckedAgainWhenItIsDialled(t *testing.T) {
	t.Parallel()
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := newSender(NewAddresses(false), 5*time.Second, nil)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1"} {
		resp, err := s.client.Get("http://" + host + ":" + port) //nolint:noctx // the client has a time-out
		if err == nil {
			_ = resp.Body.Close()
		}
		if kind := kindOf(err); err == nil || kind != FailedAddress && kind != FailedName {
			t.Errorf("%s: %v (%s), want it refused", host, err, kindOf(err))
		}
	}
	if reached {
		t.Error("a loopback server was reached")
	}
	for _, port := range []string{"22", "1023", "1", "0"} {
		if s.addresses.control("tcp4", "93.184.215.14:"+port, nil) == nil {
			t.Errorf("port %s is dialled", port)
		}
	}
	for _, port := range []string{"80", "443", "1024", "65535"} {
		if err := s.addresses.control("tcp4", "93.184.215.14:"+port, nil); err != nil {
			t.Errorf("port %s: %v", port, err)
		}
	}
}
