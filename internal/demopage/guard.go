package demopage

import (
	"net"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/internal/problem"
)

// forwarded are headers that only a proxy adds: then the one who asks is not on this machine, or not known to be.
func forwarded() []string {
	return []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}
}

// local lets requests through that a program on this machine has sent to this machine by name. For all others the page does
// not exist.
func (p *Page) local(c *gin.Context) {
	if !loopback(c.Request.Host) {
		p.NotFound(c)
		return
	}
	for _, name := range forwarded() {
		if len(c.Request.Header.Values(name)) > 0 {
			p.NotFound(c)
			return
		}
	}
}

// loopback: a name that is made to point to this machine (DNS rebinding) stays in the Host header, and is none of these.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sameOrigin lets requests through that the page itself has sent, or a program that is no browser. Browsers say where a request
// comes from: in Sec-Fetch-Site, older ones in Origin.
func (p *Page) sameOrigin(c *gin.Context) {
	site := c.Request.Header.Get("Sec-Fetch-Site")
	foreign := site != "" && site != "same-origin" && site != "none" // none: typed by the user; never so for a POST
	if err := http.NewCrossOriginProtection().Check(c.Request); err != nil || foreign {
		p.Fail(c, problem.New(problem.CodeForbidden, "These endpoints are for the demo page itself."))
	}
}
