package app

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/payonce/payonce/internal/problem"
)

// byOperators answers no browser that another site's page has sent: not across origins, and not where a name of that site was made
// to point to the admin's listener (DNS rebinding). A request names an address, a name without a dot, or the host that it
// listens on: such names nobody outside can make. /metrics is read by any name: scrapers are given one of their own network.
func byOperators(addr string, admin http.Handler) http.Handler {
	own, _, _ := net.SplitHostPort(addr) // config has checked it
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			admin.ServeHTTP(w, r)
			return
		}
		if err := origins.Check(r); err != nil {
			problem.New(problem.CodeForbidden, "This is for operators, not for pages of other sites.").Write(w, "")
			return
		}
		if host := hostOf(r.Host); host != own && strings.Contains(host, ".") {
			if _, err := netip.ParseAddr(host); err != nil {
				problem.New(problem.CodeForbidden, fmt.Sprintf("The host %.100q is not this listener's own: ask by address, as in http://127.0.0.1:9091.", host)).Write(w, "")
				return
			}
		}
		admin.ServeHTTP(w, r)
	})
}

// hostOf is a Host header without its port.
func hostOf(header string) string {
	if host, _, err := net.SplitHostPort(header); err == nil {
		return host
	}
	return header
}
