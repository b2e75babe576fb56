package middleware

import "github.com/gin-gonic/gin"

const stateKey = "payonce/state"

// requestState is what the middleware learns about one request and pass on to each other. It is one value in Gin's
// context: each key there is an allocation, and every request has all of this.
type requestState struct {
	line      AccessLine
	traceID   string // see TraceIDOf
	identity  Identity
	body      []byte
	read      bool // body is complete
	counted   bool // the engine has counted the request against the rate
	keyUnused bool // see KeyUnused
}

// stateOf returns the request's state, and makes it for the first middleware that asks.
func stateOf(c *gin.Context) *requestState {
	if value, ok := c.Get(stateKey); ok {
		if state, ok := value.(*requestState); ok {
			return state
		}
	}
	state := &requestState{}
	c.Set(stateKey, state)
	return state
}
