package handlers

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/middleware"
)

var (
	errNoRoute  = errors.New("no such route")
	errNoMethod = errors.New("the route has no such method")
)

var _ middleware.Fail = Fail

// Fail answers a request with the problem of its error, and notes it in the request's log line. It is the only place
// where an error becomes a response.
func Fail(c *gin.Context, err error) {
	p := Problem(err)
	if middleware.KeyUnused(c) {
		p.WithUnusedKey()
	}
	line := middleware.LineOf(c)
	line.Code = string(p.Code)
	if p.Status >= http.StatusInternalServerError {
		line.Error = err.Error()
	}
	c.Abort()
	p.WithTraceID(middleware.TraceIDOf(c)).Write(c.Writer, line.RequestID)
}

// NoRoute answers requests to a path that is not served.
func NoRoute(c *gin.Context) { Fail(c, errNoRoute) }

// NoMethod answers requests to a path that is served for other methods only.
func NoMethod(c *gin.Context) { Fail(c, errNoMethod) }
