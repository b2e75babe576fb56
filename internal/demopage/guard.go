package demopage

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/middleware"
)

// byProxy reports whether only a proxy adds such a header: then the one who asks is not on this machine, or not known to be.
func byProxy(header string) bool {
	return strings.HasPrefix(header, "X-Forwarded-") || strings.HasPrefix(header, "Cf-") ||
		slices.Contains([]string{"Forwarded", "Via", "X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "X-Original-Forwarded-For"}, header)
}

// local lets requests through that a program on this machine has sent to this machine by name, straight, and for a page of this
// machine, if for any. For all others the page does not exist. A proxy may replace Host and add no header: then HTTP/1.0, which no
// browser speaks and older proxies do, or the Origin of the page gives it away.
func (p *Page) local(c *gin.Context) {
	origin := c.Request.Header.Get("Origin") // "null" passes here: it is a page's, but not ours (sameOrigin)
	foreign := origin != "" && origin != "null" && !ofThisMachine(origin)
	if !loopback(c.Request.Host) || !c.Request.ProtoAtLeast(1, 1) || foreign {
		p.NotFound(c)
		return
	}
	for name := range c.Request.Header {
		if byProxy(name) {
			p.NotFound(c)
			return
		}
	}
}

func ofThisMachine(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && loopback(u.Host)
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
	name, _, _ := strings.Cut(host, ":")
	return name == "localhost"
}

// sameOrigin lets requests through that the page itself has sent, or a program that is no browser. Browsers say where a request
// comes from: in Sec-Fetch-Site, older ones in Origin.
func (p *Page) sameOrigin(c *gin.Context) {
	site := c.Request.Header.Get("Sec-Fetch-Site")
	foreign := site != "" && site != "same-origin" && site != "none" // none: typed by the user; never so for a POST
	if err := http.NewCrossOriginProtection().Check(c.Request); err != nil || foreign {
		p.Fail(c, problem.New(problem.CodeForbidden, "Only the demo page itself may ask here, not a page from elsewhere."))
	}
}

// fail answers as the service does, but for one text: what lets the page in is no API key.
func (p *Page) fail(c *gin.Context, err error) {
	if errors.Is(err, middleware.ErrUnauthorized) {
		err = problem.New(problem.CodeUnauthorized, "This is no session of the demo page, or one that has ended: load the page again.")
	}
	p.Fail(c, err)
}
