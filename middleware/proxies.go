package middleware

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// Proxies are the gateways before the service. What X-Forwarded-For and X-Request-Id say is believed on connections that
// come from one of them, and on no others.
type Proxies []netip.Prefix

// Trust makes an engine believe these proxies and no others about the address of a client, and about nothing else.
func (p Proxies) Trust(engine *gin.Engine) error {
	engine.RemoteIPHeaders = []string{forwardedFor}
	blocks := make([]string, 0, len(p))
	for _, block := range p {
		blocks = append(blocks, block.String())
	}
	return engine.SetTrustedProxies(blocks)
}

const forwardedFor = "X-Forwarded-For"

// OneForwardedFor makes one line of several (RFC 9110 section 5.3). Gin reads the first line only, which is the client's own
// where a proxy adds a line instead of replacing it.
func OneForwardedFor() gin.HandlerFunc {
	return func(c *gin.Context) {
		if lines := c.Request.Header[forwardedFor]; len(lines) > 1 {
			c.Request.Header[forwardedFor] = []string{strings.Join(lines, ", ")}
		}
	}
}

// sent reports whether a request comes from one of the proxies.
func (p Proxies) sent(c *gin.Context) bool {
	if len(p) == 0 {
		return false
	}
	remote, err := netip.ParseAddrPort(c.Request.RemoteAddr)
	if err != nil {
		return false
	}
	address := remote.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(p, func(block netip.Prefix) bool { return block.Contains(address) })
}
