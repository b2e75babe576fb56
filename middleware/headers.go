package middleware

import "github.com/gin-gonic/gin"

// Headers sets what every response carries: answers about money are not kept by anybody on the way, and nobody guesses
// their type.
func Headers() gin.HandlerFunc {
	noStore, noSniff := []string{"no-store"}, []string{"nosniff"} // shared by all responses; Set and Add leave them as they are
	return func(c *gin.Context) {
		header := c.Writer.Header()
		header["Cache-Control"], header["X-Content-Type-Options"] = noStore, noSniff
	}
}
