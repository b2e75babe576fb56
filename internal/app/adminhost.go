package app

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// byOperators refuses requests that the page of another site makes a browser send: those from another origin, and those to a name of
// that site that points to this listener (DNS rebinding). So the host has to be an address, a name without a dot, or the host that the
// listener is at: nobody outside this network can give such names. /metrics may be asked by any name, because the configuration of a
// scraper may use one of its own network.
func byOperators(addr string, operators http.Handler) http.Handler {
	own, _, _ := net.SplitHostPort(addr) // config has checked it
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			operators.ServeHTTP(w, r)
			return
		}
		site := r.Header.Get("Sec-Fetch-Site")
		if foreign := site == "cross-site" || site == "same-site"; foreign || origins.Check(r) != nil {
			http.Error(w, "This is for operators, not for pages of other sites.", http.StatusForbidden)
			return
		}
		if host := hostOf(r.Host); strings.Contains(host, ".") && !strings.EqualFold(host, own) && !strings.EqualFold(host, "localhost.") {
			if _, err := netip.ParseAddr(host); err != nil {
				http.Error(w, fmt.Sprintf("The host %.100q is not this listener's own: ask by localhost, or by address.", host), http.StatusForbidden)
				return
			}
		}
		operators.ServeHTTP(w, r)
	})
}

// hostOf is a Host header without its port.
func hostOf(header string) string {
	if host, _, err := net.SplitHostPort(header); err == nil {
		return host
	}
	return header
}
