package middleware

import "github.com/gin-gonic/gin"

// Headers sets what every response carries: answers about money are not kept by anybody on the way, and nobody guesses
// their type.
func Headers() gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.Header("X-Content-Type-Options", "nosniff")
	}
}
