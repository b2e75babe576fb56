package middleware

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// BodyTime bounds, on every route, how long a body may take to arrive. Where no handler reads it, net/http reads what is
// left before it answers, and by itself would wait for that as long as the client likes.
func BodyTime() gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.ContentLength != 0 {
			_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(bodyTime)) // not every ResponseWriter can
		}
	}
}

// LastRequests closes each connection after its next answer once the service is about to stop: so clients and balancers
// connect anew, elsewhere, while requests are still served, and no request meets a connection that is being closed.
func LastRequests(stopping func() bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		if stopping() {
			c.Header("Connection", "close")
		}
	}
}

// OneFraming lets a connection serve nothing more after a request whose end a proxy on the way may have seen in another
// place: what follows could be a part of that request's body, written to be taken for a request. RFC 9112 section 6.1
// demands it of requests with both a Transfer-Encoding and a Content-Length, and of Transfer-Encoding in HTTP/1.0. net/http
// drops one of the two without a trace, so every chunked and every HTTP/1.0 request has to count as one.
func OneFraming() gin.HandlerFunc {
	return func(c *gin.Context) {
		if len(c.Request.TransferEncoding) > 0 || !c.Request.ProtoAtLeast(1, 1) {
			c.Header("Connection", "close")
		}
	}
}
