package middleware

import (
	"math/rand/v2"

	"github.com/gin-gonic/gin"
)

// RequestID gives each arrival a name of its own. A copy of a request is another arrival and gets another name; a name
// that a client sends is not believed, because logs are searched by it.
func RequestID() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := newRequestID()
		arrivalOf(c).requestID = id
		c.Header("X-Request-Id", id)
	}
}

// RequestIDOf is the arrival's name; empty without the middleware.
func RequestIDOf(c *gin.Context) string { return arrivalOf(c).requestID }

// newRequestID is 128 random bits as 26 characters of base 32 (RFC 4648, section 6). They have to be unique and are no
// secret, so they come from the generator that costs no more than that.
func newRequestID() string {
	const (
		alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
		prefix   = "req_"
		half     = 13 // characters that hold 64 bits
	)
	var text [len(prefix) + 2*half]byte
	copy(text[:], prefix)
	first, second := rand.Uint64(), rand.Uint64()
	for i := len(prefix); i < len(prefix)+half; i++ {
		text[i], text[i+half] = alphabet[first&31], alphabet[second&31]
		first, second = first>>5, second>>5
	}
	return string(text[:])
}
