package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// ErrPanic is what a handler's panic becomes for Fail.
var ErrPanic = errors.New("panic")

// Recover turns a panic into an error for Fail and keeps its stack for the log. When the response has begun, the connection is
// cut instead: half a response must not look whole.
func Recover(fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			reason := recover()
			if reason == nil {
				return
			}
			if err, ok := reason.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(reason)
			}
			LineOf(c).Stack = string(debug.Stack())
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			fail(c, fmt.Errorf("%w: %v", ErrPanic, reason))
		}()
		c.Next()
	}
}
