package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/internal/strictjson"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
)

// Func is a handler that returns its error instead of answering with it.
type Func func(c *gin.Context) error

// readBudget bounds a request that reads: when a store hangs, its answer is an early 503 instead of a queue.
const readBudget = 3 * time.Second

// Render makes a Gin handler of a Func, whose errors Fail answers with.
func Render(handle Func) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), readBudget)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		if err := handle(c); err != nil {
			Fail(c, err)
		}
	}
}

// ParameterError says that a route doesn't have a query parameter or can't use its value. What is wrong with the query string
// itself is an [idempotency.QueryError].
type ParameterError struct{ Name, Reason string }

func (e *ParameterError) Error() string {
	return fmt.Sprintf("The query parameter %.60q %s.", e.Name, e.Reason)
}

// noQuery refuses query parameters where none are read.
func noQuery(c *gin.Context) error {
	_, err := parameters(c, nil, nil)
	return err
}

// parameters reads the query parameters, of which only those allowed may be there, each with a value: an empty filter is a
// client's mistake, and treating it as no filter would show more than the client wanted.
func parameters(c *gin.Context, once, repeated []string) (url.Values, error) {
	if c.Request.URL.RawQuery == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, &idempotency.QueryError{Reason: "is not well-formed"}
	}
	for name, all := range values {
		often := slices.Contains(repeated, name)
		if !often && !slices.Contains(once, name) {
			known := "this route has none"
			if allowed := slices.Concat(once, repeated); len(allowed) > 0 {
				known = "this route has " + strings.Join(allowed, ", ")
			}
			return nil, &ParameterError{name, "is not known; " + known}
		}
		if len(all) > 1 && !often {
			return nil, &ParameterError{name, "was sent more than once"}
		}
		for _, value := range all {
			if value == "" {
				return nil, &ParameterError{name, "is empty; give it a value or leave it out"}
			}
			if !utf8.ValidString(value) || strings.ContainsRune(value, 0) { // PostgreSQL would refuse it, which would look like an outage
				return nil, &ParameterError{name, "is not text in UTF-8"}
			}
		}
	}
	return values, nil
}

// decode reads the body of a request that changes something; such a request has no query parameters.
func decode(c *gin.Context, into any) error {
	if err := noQuery(c); err != nil {
		return err
	}
	body := middleware.BodyOf(c)
	if len(body) == 0 {
		return problem.New(problem.CodeMalformedRequest, "This route needs a JSON object as its body.")
	}
	return strictjson.Decode(body, into)
}

// decodeOptional reads a body that may be left out.
func decodeOptional(c *gin.Context, into any) error {
	if len(middleware.BodyOf(c)) > 0 {
		return decode(c, into)
	}
	return noQuery(c)
}

// noBody refuses a body where none is read.
func noBody(c *gin.Context) error {
	if err := noQuery(c); err != nil {
		return err
	}
	body := middleware.BodyOf(c)
	if len(body) == 0 {
		return nil
	}
	if err := strictjson.Decode(body, &struct{}{}); err != nil {
		return problem.New(problem.CodeMalformedRequest, "This route takes no members: send no body, or {}.")
	}
	return nil
}

// pathID reads an id from the path. A malformed one names nothing, like one that doesn't exist.
func pathID(c *gin.Context, prefix string) (uuid.UUID, error) {
	id, err := models.ParseID(prefix, c.Param("id"))
	if errors.Is(err, models.ErrMalformedID) {
		return uuid.Nil, postgres.ErrNotFound
	}
	return id, err
}
