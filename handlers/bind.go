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

	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/problem"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/strictjson"
)

// Func is a handler that returns its error; Render is the one place where it is rendered.
type Func func(c *gin.Context) error

// readBudget bounds a request that reads: a store that hangs is a 503 soon, and not a queue.
const readBudget = 3 * time.Second

// Render makes a Gin handler of a Func.
func Render(fail middleware.Fail, handle Func) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), readBudget)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		if err := handle(c); err != nil {
			fail(c, err)
		}
	}
}

// ParameterError is a query parameter that a route doesn't have or can't read.
type ParameterError struct{ Name, Reason string }

func (e *ParameterError) Error() string {
	return fmt.Sprintf("The query parameter %.60q %s.", e.Name, e.Reason)
}

// query reads the query parameters, of which only the allowed ones may be there, each once.
func query(c *gin.Context, allowed ...string) (url.Values, error) {
	if c.Request.URL.RawQuery == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, problem.New(problem.CodeMalformedRequest, "The query string is not well-formed.")
	}
	for name, all := range values {
		if !slices.Contains(allowed, name) {
			known := "this route has none"
			if len(allowed) > 0 {
				known = "this route has " + strings.Join(allowed, ", ")
			}
			return nil, &ParameterError{name, "is not known; " + known}
		}
		if len(all) > 1 {
			return nil, &ParameterError{name, "was sent more than once"}
		}
		if !utf8.ValidString(all[0]) || strings.ContainsRune(all[0], 0) { // Postgres would fail on it, and be taken for away
			return nil, &ParameterError{name, "is not text in UTF-8"}
		}
	}
	return values, nil
}

// decode reads the body of a request that changes something; such a request has no query parameters.
func decode(c *gin.Context, into any) error {
	if _, err := query(c); err != nil {
		return err
	}
	body := middleware.BodyOf(c)
	if len(body) == 0 {
		return problem.New(problem.CodeMalformedRequest, "This route needs a JSON object as its body.")
	}
	return strictjson.Decode(body, into)
}

// noBody refuses a body where none is read.
func noBody(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	if body := strings.TrimSpace(string(middleware.BodyOf(c))); body != "" && body != "{}" {
		return problem.New(problem.CodeMalformedRequest, "This route takes no members: send no body, or {}.")
	}
	return nil
}

// pathID reads an id from the path. A malformed one names nothing, like one that doesn't exist.
func pathID(c *gin.Context, prefix string) (uuid.UUID, error) {
	id, err := models.ParseID(prefix, c.Param("id"))
	if errors.Is(err, models.ErrMalformedID) {
		return uuid.Nil, repository.ErrNotFound
	}
	return id, err
}
