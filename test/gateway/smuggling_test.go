package gateway

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// form is a way to write a request of which two servers could think that it ends in different places.
type form struct{ kind, what, head, body, id string }

// framings are lines that may be taken for Transfer-Encoding, or not.
func framings() []string {
	return []string{
		"Transfer-Encoding: chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding: chunked ", "transfer-encoding: CHUNKED",
		"Transfer-Encoding:\r\n chunked", "Transfer-Encoding : chunked", " Transfer-Encoding: chunked", "X: y\nTransfer-Encoding: chunked",
		"X: y\rTransfer-Encoding: chunked", "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: chunked\x0b", "Transfer-Encoding: xchunked",
		"Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity", "Transfer-Encoding: gzip, chunked",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
		`Transfer-Encoding: "chunked"`, "Transfer-Encoding: chunked;a=b", "Transfer_Encoding: chunked", "Transfer-Encoding:",
		"\x00Transfer-Encoding: chunked", "Transfer-\r\nEncoding: chunked", "Content-Encoding: chunked", "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
	}
}

// forms are all of them; each hides a request with a key that begins with "hidden".
func forms() (list []form) {
	add := func(kind, version, body string, lines ...string) {
		n := len(list)
		hidden := raw("POST", "/v1/orders", "{}", fmt.Sprintf("Idempotency-Key: hidden-%d-", n), "Content-Length: 2")
		body = strings.ReplaceAll(body, "HIDDEN", hidden)
		head := raw("POST", "/v1/orders", "", append([]string{fmt.Sprintf("Idempotency-Key: outer-%d-", n), fmt.Sprintf("Authorization: Bearer %d", n)}, lines...)...)
		head = strings.ReplaceAll(strings.Replace(head, "HTTP/1.1", version, 1), "ALL", fmt.Sprint(len(body)))
		list = append(list, form{kind, fmt.Sprintf("%s %s %q", kind, version, lines), head, body, fmt.Sprintf("-%d-", n)})
	}
	for _, framing := range framings() {
		for _, version := range []string{"HTTP/1.1", "HTTP/1.0"} {
			for _, length := range []string{"0", "5", "ALL"} {
				add("two ends", version, "2\r\n{}\r\n0\r\n\r\nHIDDEN", framing, "Content-Length: "+length)
				add("two ends", version, "2\r\n{}\r\n0\r\n\r\nHIDDEN", "Content-Length: "+length, framing)
			}
		}
	}
	for _, length := range []string{
		"2\r\nContent-Length: ALL", "ALL\r\nContent-Length: 2", "2, ALL", "+2", "-2", "0x2", "2\r\n ALL", "2;ALL", "\x0b2", "99999999999999999999", "1e1",
	} {
		add("lengths", "HTTP/1.1", "{}HIDDEN", "Content-Length: "+length, "X: y")
	}
	for _, chunks := range []string{
		"2\n{}\n0\n\nHIDDEN", "2;\n{}\r\n0\r\n\r\nHIDDEN", "2\r{}\r\n0\r\n\r\nHIDDEN", "+2\r\n{}\r\n0\r\n\r\nHIDDEN", "0x2\r\n{}\r\n0\r\n\r\nHIDDEN",
		"2\r\n{}0\r\n\r\nHIDDEN", "2\r\n{}xx0\r\n\r\nHIDDEN", "fffffffffffffffff2\r\n{}\r\n0\r\n\r\nHIDDEN", "2 \r\n{}\r\n0\r\n\r\nHIDDEN",
		"2\r\n{}\r\n0\r\nX: y\r\n\r\nHIDDEN", "2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\nHIDDEN", "2\r\n{}\r\n0\n\nHIDDEN",
	} {
		add("chunks", "HTTP/1.1", chunks, "Transfer-Encoding: chunked")
	}
	for _, upgrade := range []string{"h2c", "websocket", "HTTP/2.0"} {
		add("upgrade", "HTTP/1.1", "{}HIDDEN", "Content-Length: ALL", "Connection: Upgrade, HTTP2-Settings", "Upgrade: "+upgrade, "HTTP2-Settings: AAMAAABkAAQAAP__")
	}
	return list
}

// A pipelined request behind a body of a clear length is no attack; it is here so that the hidden ones are known to be findable.
func TestNoFormOfSmugglingMakesTwoRequestsOfOne(t *testing.T) {
	t.Parallel()
	p := findPlace(t, 2)
	all := []*standIn{startStandIn(t, p, 0), startStandIn(t, p, 1)}
	startGateway(t, p).smuggle(t, all, "")
}

// smuggle sends all forms but those of one kind.
func (g *gateway) smuggle(t *testing.T, all []*standIn, without string) {
	t.Helper()
	list := slices.DeleteFunc(forms(), func(f form) bool { return f.kind == without })
	control := raw("POST", "/v1/orders", "{}", "Idempotency-Key: outer-control", "Content-Length: 2") +
		raw("POST", "/v1/orders", "{}", "Idempotency-Key: behind-control", "Content-Length: 2", "Connection: close")
	if answers := g.exchange(t, control); len(answers) != 2 || read(all, "behind-control") != 1 {
		t.Fatalf("two requests in a row: %v", answers)
	}
	queue := make(chan form)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for f := range queue {
				// The last request ends connections that a form leaves open.
				answers := g.exchange(t, f.head+f.body+raw("GET", "/healthz", "", "Connection: close"))
				checkForm(t, f, answers)
			}
		})
	}
	for _, f := range list {
		queue <- f
	}
	close(queue)
	group.Wait()
	for _, f := range list {
		if hidden := read(all, "hidden"+f.id); hidden > 0 {
			t.Errorf("%s with the body %q: what was hidden arrived %d times", f.what, f.body, hidden)
		}
		if outer := read(all, "outer"+f.id); outer > 1 {
			t.Errorf("%s: it arrived %d times", f.what, outer)
		}
	}
	t.Logf("%d forms; %d of them arrived as one request, the others as none", len(list), read(all, "outer-")-1)
}

// checkForm: no answer but one to the request, refusals, and the one to the last request.
func checkForm(t *testing.T, f form, answers []service.Response) {
	t.Helper()
	made := 0
	for _, resp := range answers {
		if resp.Status == 201 {
			made++
		}
		if resp.Status >= 500 && resp.Status != 501 { // 501: a coding that the gateway does not know
			t.Errorf("%s: %s", f.what, resp)
		}
	}
	if made > 1 {
		t.Errorf("%s: %d requests were answered: %v", f.what, made, answers)
	}
}
