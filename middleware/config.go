package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// check refuses what would only be noticed when it is too late: at the first request, or in a copy's response.
func (c Config) check() (replayed, error) {
	if c.Tenant == nil {
		return nil, errors.New("idempotency middleware: Config.Tenant is nil: it has to say whose key a request carries")
	}
	for _, mediaType := range c.MediaTypes {
		bare, parameters, err := mime.ParseMediaType(mediaType)
		if err != nil || bare != mediaType || len(parameters) > 0 || !strings.Contains(bare, "/") || strings.Contains(bare, "*") {
			return nil, fmt.Errorf("idempotency middleware: Config.MediaTypes: %q is not a media type in lower case, without parameters", mediaType)
		}
		if bare == jsonType {
			return nil, fmt.Errorf("idempotency middleware: Config.MediaTypes: %q is accepted anyway, and compared by meaning; take it off the list", bare)
		}
	}
	r, err := newReplayed(c.Replay)
	if err != nil {
		return nil, fmt.Errorf("idempotency middleware: Config.Replay: %w", err)
	}
	return r, nil
}

// logged adds to fail a log line for each 5xx, with the reason: the client gets a fixed text.
func logged(log *slog.Logger, fail Fail) Fail {
	return func(c *gin.Context, err error) {
		fail(c, err)
		if status := c.Writer.Status(); status >= http.StatusInternalServerError {
			log.ErrorContext(c.Request.Context(), "an idempotent request failed",
				"status", status, "method", c.Request.Method, "route", c.FullPath(), "error", err)
		}
	}
}
