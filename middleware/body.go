package middleware

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// bodyTime is how long a client may take to send a body.
const bodyTime = 10 * time.Second

var (
	// ErrBodyTooLarge means that the body is longer than the service accepts.
	ErrBodyTooLarge = errors.New("the request body is too large")
	// ErrBodyUnreadable means that the body ended early or came too slowly.
	ErrBodyUnreadable = errors.New("the request body could not be read")
)

// Body reads the whole body before anything else happens, at most limit bytes and for at most 10 s: a slow client holds
// a socket and some memory, never a connection to a store.
func Body(limit int, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		body, err := readBody(c, limit)
		if err != nil {
			// What is left of the body is not worth reading; without this net/http would try.
			c.Header("Connection", "close")
			fail(c, err)
			return
		}
		state := stateOf(c)
		state.body, state.read = body, true
	}
}

// BodyOf is the body that Body or Idempotency has read.
func BodyOf(c *gin.Context) []byte { return stateOf(c).body }

func readBody(c *gin.Context, limit int) ([]byte, error) {
	if c.Request.ContentLength > int64(limit) {
		return nil, tooLarge(limit)
	}
	if c.Request.ContentLength == 0 {
		return nil, nil
	}
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // not every ResponseWriter can
	body, err := readAll(c.Request, limit)
	switch {
	case err != nil: // the deadline stays: net/http would wait for the rest of the body
		return nil, fmt.Errorf("%w: %w", ErrBodyUnreadable, err)
	case len(body) > limit:
		return nil, tooLarge(limit)
	}
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

// smallBody is the largest Content-Length for which memory is allocated before the body is read.
const smallBody = 4 << 10

// readAll reads the body, or one byte more than the limit.
func readAll(r *http.Request, limit int) ([]byte, error) {
	if r.ContentLength < 0 || r.ContentLength > smallBody {
		return io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

func tooLarge(limit int) error {
	return fmt.Errorf("%w: at most %d bytes are accepted", ErrBodyTooLarge, limit)
}
