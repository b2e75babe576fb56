package middleware

import "github.com/gin-gonic/gin"

// Headers sets what every response carries: caches on the way must not keep answers about money, and browsers must not guess
// their type.
func Headers() gin.HandlerFunc {
	noStore, noSniff := []string{"no-store"}, []string{"nosniff"} // shared by all responses; Set and Add leave them as they are
	return func(c *gin.Context) {
		header := c.Writer.Header()
		header["Cache-Control"], header["X-Content-Type-Options"] = noStore, noSniff
	}
}
