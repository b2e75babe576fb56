package middleware

import (
	"log/slog"

	"github.com/gin-gonic/gin"
)

const arrivalKey = "payonce/arrival"

// arrival is what the middleware learn of one request and tell each other. It is one value in Gin's context: each key
// there is an allocation, and every request has all of this.
type arrival struct {
	requestID string
	identity  Identity
	body      []byte
	read      bool        // body is whole
	counted   bool        // the engine has counted it against the rate
	notes     []slog.Attr // for the log line
	room      [3]slog.Attr
}

// arrivalOf returns the request's arrival, from whichever middleware needs it first.
func arrivalOf(c *gin.Context) *arrival {
	if value, ok := c.Get(arrivalKey); ok {
		if a, ok := value.(*arrival); ok {
			return a
		}
	}
	a := &arrival{}
	c.Set(arrivalKey, a)
	return a
}
