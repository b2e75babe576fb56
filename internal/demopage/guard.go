package demopage

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/middleware"
)

// byProxy reports whether only a proxy adds such a header: then the one who asks is not on this machine, or not known to be. The list is
// of the usual ones and of the large networks'.
func byProxy(header string) bool {
	for _, family := range []string{
		"X-Forwarded", "X-Original-", "X-Envoy-", "X-Azure-", "X-Amzn-", "X-Cluster-", "Cf-", "Cloudfront-", "Fastly-", "Fly-", "Tailscale-",
	} {
		if strings.HasPrefix(header, family) {
			return true
		}
	}
	return slices.Contains([]string{"Forwarded", "Via", "X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "Client-Ip", "Cdn-Loop"}, header)
}

// Shown reports whether the page is there for the one who asks: a program on this machine that asks it by name, straight, and for a page
// of this machine, if for any. A proxy may replace Host and add no header: then HTTP/1.0, which no browser speaks and older proxies do,
// or the Origin of the page gives it away.
func (p *Page) Shown(r *http.Request) bool {
	if !loopback(r.Host) || !r.ProtoAtLeast(1, 1) {
		return false
	}
	for name := range r.Header {
		if byProxy(name) {
			return false
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.User != nil || !loopback(u.Host) {
			return false
		}
	}
	return true
}

// local lets requests through for which the page is there.
func (p *Page) local(c *gin.Context) {
	if !p.Shown(c.Request) {
		p.NotFound(c)
	}
}

// loopback: a name that is made to point to this machine (DNS rebinding) stays in the Host header, and is none of these.
func loopback(host string) bool {
	if strings.HasSuffix(host, "]") {
		host += ":80" // [::1]
	}
	if at, err := netip.ParseAddrPort(host); err == nil {
		return at.Addr().IsLoopback()
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	name, port, found := strings.Cut(host, ":")
	if _, err := strconv.ParseUint(port, 10, 16); found && err != nil {
		return false
	}
	return strings.EqualFold(strings.TrimSuffix(name, "."), "localhost")
}

// sameOrigin lets requests through that the page itself has sent, or a program that is no browser. Browsers say where a request
// comes from: in Sec-Fetch-Site, older ones in Origin. For pages from elsewhere there is nothing here.
func (p *Page) sameOrigin(c *gin.Context) {
	for _, site := range c.Request.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" { // none: typed by the user; never so for a POST
			p.NotFound(c)
			return
		}
	}
	if http.NewCrossOriginProtection().Check(c.Request) != nil {
		p.NotFound(c)
	}
}

// fail answers as the service does, but for one text: what lets the page in is no API key.
func (p *Page) fail(c *gin.Context, err error) {
	if errors.Is(err, middleware.ErrUnauthorized) {
		err = problem.New(problem.CodeUnauthorized, "This is no session of the demo page, or one that has ended: load the page again.")
	}
	p.Fail(c, err)
}
