package handlers

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/cursor"
	"github.com/payonce/payonce/repository"
)

const (
	defaultLimit = 20
	maxLimit     = 100
)

// List is a page of a list, newest first.
type List[M any] struct {
	Data       []M     `json:"data"`
	NextCursor *string `json:"next_cursor" extensions:"x-nullable"` // null on the last page
}

// lister reads list parameters and makes cursors for one list of one merchant.
type lister struct {
	cursors  *cursor.Codec
	name     string
	merchant uuid.UUID
}

func (l lister) page(values url.Values) (repository.Page, error) {
	page := repository.Page{Limit: defaultLimit}
	if values.Has("limit") {
		limit, err := strconv.Atoi(values.Get("limit"))
		if err != nil || limit < 1 || limit > maxLimit {
			return page, &ParameterError{"limit", fmt.Sprintf("must be an integer from 1 to %d", maxLimit)}
		}
		page.Limit = limit
	}
	if values.Has("cursor") {
		at, id, err := l.cursors.Decode(l.merchant, l.name, values.Get("cursor"))
		if err != nil {
			return page, err
		}
		page.BeforeAt, page.BeforeID = at, id
	}
	return page, nil
}

// rendered makes a page of rows, of which one more than the limit was read.
func rendered[M, W any](l lister, page repository.Page, rows []M, at func(*M) (time.Time, uuid.UUID), render func(*M) (W, error)) (List[W], error) {
	list := List[W]{Data: make([]W, 0, len(rows))}
	if len(rows) > page.Limit {
		rows = rows[:page.Limit]
		created, id := at(&rows[len(rows)-1])
		next := l.cursors.Encode(l.merchant, l.name, created, id)
		list.NextCursor = &next
	}
	for i := range rows {
		document, err := render(&rows[i])
		if err != nil {
			return list, err
		}
		list.Data = append(list.Data, document)
	}
	return list, nil
}
