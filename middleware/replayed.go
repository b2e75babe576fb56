package middleware

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/payonce/payonce/idempotency"
)

// replayed are the headers of a plain handler's response that are stored and replayed: those that describe the content,
// and what the service added.
type replayed map[string]bool

// newReplayed refuses names that must never be replayed, also when the service lists them.
func newReplayed(more []string) (replayed, error) {
	r := replayed{"Location": true, "Link": true, "Etag": true, "Last-Modified": true}
	for _, name := range more {
		canonical := http.CanonicalHeaderKey(name)
		if name == "" || strings.ContainsAny(name, " \t\r\n:,;\"()<>@[]?={}/\\") {
			return nil, fmt.Errorf("replayed headers: %q is not a header's name", name)
		}
		if why := perRequest(canonical); why != "" {
			return nil, fmt.Errorf("replayed headers: %s %s, so a copy of the request must not get it; take it off the list", canonical, why)
		}
		r[canonical] = true
	}
	return r, nil
}

// perRequest says why a header belongs to one request and never to its copies; empty where it doesn't.
func perRequest(name string) string {
	switch name {
	case "Set-Cookie", "Set-Cookie2", "Authorization", "Www-Authenticate", "Authentication-Info", "X-Api-Key", "X-Auth-Token", "X-Csrf-Token":
		return "carries a credential"
	case "X-Request-Id", "Request-Id", "X-Correlation-Id", "X-Trace-Id", "Traceparent", "Tracestate", "Traceresponse", "X-Amzn-Trace-Id":
		return "names one request"
	case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length":
		return "belongs to one connection"
	case "Date", "Age", "Idempotent-Replayed", "Idempotency-Key-Expires", "Preference-Applied":
		return "is set anew for each response"
	}
	switch {
	case strings.HasPrefix(name, "Proxy-"):
		return "is for a proxy on the way"
	case strings.HasPrefix(name, "Ratelimit"), strings.HasPrefix(name, "X-Ratelimit"), strings.HasPrefix(name, "X-Rate-Limit"):
		return "is the rate limit of one moment"
	}
	return ""
}

// of returns the headers to store. What the middleware around the handler had set before it, and the handler left alone,
// is theirs to set again on a replay: a Content-Encoding of theirs is not the stored body's.
func (r replayed) of(w *heldWriter, method string) (headers []idempotency.Header) {
	hopByHop := listed(w.sent["Connection"])
	for name, values := range w.sent {
		if !r.keeps(http.CanonicalHeaderKey(name), method, w.final()) || hopByHop[name] || (!w.changed(name) && values != nil) {
			continue
		}
		if name == "Content-Type" && len(values) == 0 { // the handler wants none, and none is to be guessed on a replay
			headers = append(headers, idempotency.Header{Name: name})
		}
		for _, value := range values {
			headers = append(headers, idempotency.Header{Name: name, Value: value})
		}
	}
	slices.SortStableFunc(headers, func(a, b idempotency.Header) int { return strings.Compare(a.Name, b.Name) })
	return headers
}

func (r replayed) keeps(name, method string, status int) bool {
	switch name {
	case "Content-Length": // the body's, which net/http counts again; a response to HEAD has no body to count
		return method == http.MethodHead
	case "Retry-After": // when to look at what is still being done; elsewhere it speaks of one moment
		return status == http.StatusAccepted || r[name]
	}
	return r[name] || strings.HasPrefix(name, "Content-")
}

// listed are the names that a list of header names holds.
func listed(lines []string) map[string]bool {
	names := map[string]bool{}
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			names[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	return names
}
