package middleware

import (
	"crypto/rand"

	"github.com/gin-gonic/gin"
)

const requestIDKey = "payonce/request_id"

// RequestID gives each arrival a name of its own. A copy of a request is another arrival and gets another name; a name
// that a client sends is not believed, because logs are searched by it.
func RequestID() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := "req_" + rand.Text()
		c.Set(requestIDKey, id)
		c.Header("X-Request-Id", id)
	}
}

// RequestIDOf is the arrival's name; empty without the middleware.
func RequestIDOf(c *gin.Context) string { return c.GetString(requestIDKey) }
