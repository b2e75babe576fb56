package middleware

import (
	"math/rand/v2"
	"strings"

	"github.com/gin-gonic/gin"
)

// RequestID gives each arrival a name of its own. A copy of a request is another arrival and gets another name; a name
// that a client sends is not believed, because logs are searched by it. A trusted proxy's is taken over, so that its log and
// ours name a request alike.
func RequestID(trusted Proxies) gin.HandlerFunc {
	return func(c *gin.Context) {
		id := ""
		if trusted.sent(c) {
			id = given(c.Request.Header["X-Request-Id"])
		}
		if id == "" {
			id = newRequestID()
		}
		LineOf(c).RequestID = id
		c.Header("X-Request-Id", id)
	}
}

// RequestIDOf is the arrival's name; empty without the middleware.
func RequestIDOf(c *gin.Context) string { return LineOf(c).RequestID }

const requestIDPrefix = "req_"

// given is the name that a proxy sent: once, with our prefix, and 16 to 64 letters and digits. Anything else is none.
func given(values []string) string {
	if len(values) != 1 {
		return ""
	}
	rest, ok := strings.CutPrefix(values[0], requestIDPrefix)
	other := func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }
	if !ok || len(rest) < 16 || len(rest) > 64 || strings.ContainsFunc(rest, other) {
		return ""
	}
	return values[0]
}

// newRequestID is 128 random bits as 26 characters of base 32 (RFC 4648, section 6). They have to be unique and are no
// secret, so they come from the generator that costs no more than that.
func newRequestID() string {
	const (
		alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
		prefix   = requestIDPrefix
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
