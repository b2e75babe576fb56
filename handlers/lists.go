package handlers

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

const (
	defaultLimit = 20
	maxLimit     = 100
	// maxChoices bounds the values of a repeated filter: each becomes a parameter of the query.
	maxChoices = 20
)

// The filters by time that every list has: from one time, inclusive, up to another, exclusive.
const (
	createdFrom  = "created[gte]"
	createdUntil = "created[lt]"
)

// List is a page of a list, newest first.
type List[M any] struct {
	Data       []M     `json:"data"`
	NextCursor *string `json:"next_cursor" extensions:"x-nullable"` // null on the last page
}

// listing is one list of the API: what differs from one to the next. What all of them have in common stands in this file.
type listing[M, W any] struct {
	name     string   // binds its cursors to it
	filters  []string // parameters of its own, each sent once
	choices  choices  // its parameter that may be sent several times; the zero value: it has none
	read     func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]M, error)
	position func(*M) (time.Time, uuid.UUID)
	render   func(*M) (W, error)
}

// choices is a filter that may be sent several times: a row with any of the values is shown.
type choices struct {
	parameter string
	accepts   func(value string) bool
	hint      string // what a value must be
}

// choicesOf are the values of a list of constants.
func choicesOf[S ~string](parameter string, known ...S) choices {
	return choices{
		parameter: parameter, hint: fmt.Sprintf("must be one of %v", known),
		accepts: func(value string) bool { return slices.Contains(known, S(value)) },
	}
}

// listQuery is a request for a page.
type listQuery struct {
	repository.Page
	Chosen []string // the values of choices; nil: any
	values url.Values
}

// text is the value of a filter; nil when the client doesn't filter by it.
func (q listQuery) text(name string) *string {
	if !q.values.Has(name) {
		return nil
	}
	value := q.values.Get(name)
	return &value
}

// id is a filter that names a resource by its id. A text that is no id of this kind is refused: it could never match.
func (q listQuery) id(name, prefix string) (*uuid.UUID, error) {
	if !q.values.Has(name) {
		return nil, nil
	}
	id, err := models.ParseID(prefix, q.values.Get(name))
	if err != nil {
		return nil, &ParameterError{name, "must be an id that begins with " + prefix}
	}
	return &id, nil
}

// serve answers with the page that was asked for.
func (l listing[M, W]) serve(c *gin.Context, cursors *cursor.Codec) error {
	once := append([]string{"limit", "cursor", createdFrom, createdUntil}, l.filters...)
	var repeated []string
	if l.choices.parameter != "" {
		repeated = []string{l.choices.parameter}
	}
	values, err := parameters(c, once, repeated)
	if err != nil {
		return err
	}
	merchant := middleware.IdentityOf(c).Merchant
	q := listQuery{values: values}
	if q.Page, err = page(values, func(text string) (time.Time, [16]byte, error) { return cursors.Decode(merchant, l.name, text) }); err != nil {
		return err
	}
	if q.Chosen, err = l.choices.of(values); err != nil {
		return err
	}
	rows, err := l.read(c.Request.Context(), merchant, q)
	if err != nil {
		return err
	}
	list := List[W]{Data: make([]W, 0, len(rows))}
	if len(rows) > q.Limit { // one more than the limit was read
		rows = rows[:q.Limit]
		created, id := l.position(&rows[len(rows)-1])
		next := cursors.Encode(merchant, l.name, created, id)
		list.NextCursor = &next
	}
	for i := range rows {
		document, err := l.render(&rows[i])
		if err != nil {
			return err
		}
		list.Data = append(list.Data, document)
	}
	return reply(c, list)
}

// page reads the parameters that all lists have.
func page(values url.Values, decode func(string) (time.Time, [16]byte, error)) (page repository.Page, err error) {
	page.Limit = defaultLimit
	if values.Has("limit") {
		limit, err := strconv.Atoi(values.Get("limit"))
		if err != nil || strconv.Itoa(limit) != values.Get("limit") || limit < 1 || limit > maxLimit { // "+5" and "05" are other texts
			return page, &ParameterError{"limit", fmt.Sprintf("must be an integer from 1 to %d", maxLimit)}
		}
		page.Limit = limit
	}
	if page.From, err = timeFilter(values, createdFrom); err != nil {
		return page, err
	}
	if page.Until, err = timeFilter(values, createdUntil); err != nil {
		return page, err
	}
	if values.Has("cursor") {
		page.BeforeAt, page.BeforeID, err = decode(values.Get("cursor"))
	}
	return page, err
}

// timeFilter is a time in a query; zero when there is none. Columns hold microseconds: a row is at or after a time with more
// digits exactly when it is at or after the next microsecond.
func timeFilter(values url.Values, name string) (time.Time, error) {
	if !values.Has(name) {
		return time.Time{}, nil
	}
	text := values.Get(name)
	at, err := time.Parse(time.RFC3339Nano, text)
	switch {
	case err != nil && strings.Contains(text, " "):
		return time.Time{}, &ParameterError{name, "must be a time like 2026-11-23T12:00:00Z; in a query a plus sign is written %2B"}
	case err != nil, at.Year() < 1970, at.UTC().Year() > 9999:
		return time.Time{}, &ParameterError{name, "must be a time like 2026-11-23T12:00:00Z (RFC 3339), from 1970 on"}
	}
	if short := at.Truncate(time.Microsecond); !short.Equal(at) {
		at = short.Add(time.Microsecond)
	}
	return at.UTC(), nil
}

// of are the values that were sent. One that could never match is refused.
func (c choices) of(values url.Values) ([]string, error) {
	chosen := values[c.parameter]
	if len(chosen) > maxChoices {
		return nil, &ParameterError{c.parameter, fmt.Sprintf("was sent more than %d times", maxChoices)}
	}
	for _, value := range chosen {
		if !c.accepts(value) {
			return nil, &ParameterError{c.parameter, c.hint}
		}
	}
	return chosen, nil
}
