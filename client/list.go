package payonce

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// Range is the part of a list that is wanted. The zero value is all of it.
type Range struct {
	From, Until time.Time // when it was made: from one time, inclusive, to another, exclusive
	PageSize    int       // 1 to 100, default 20: how much one request brings
}

type page[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

// query is a list's parameters; empty values are left out.
func (r Range) query(pairs ...string) url.Values {
	q := url.Values{}
	add(q, "created[gte]", stamp(r.From))
	add(q, "created[lt]", stamp(r.Until))
	if r.PageSize > 0 {
		q.Set("limit", strconv.Itoa(r.PageSize))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		add(q, pairs[i], pairs[i+1])
	}
	return q
}

func add(q url.Values, name string, values ...string) {
	for _, value := range values {
		if value != "" {
			q.Add(name, value)
		}
	}
}

// stamp is a time as the API reads it; empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// list reads page after page, newest first. It ends with its first error.
func list[T any](ctx context.Context, c *Client, path string, q url.Values) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for {
			var p page[T]
			if err := c.read(ctx, path+"?"+q.Encode(), &p); err != nil {
				yield(nil, err)
				return
			}
			for i := range p.Data {
				if !yield(&p.Data[i], nil) {
					return
				}
			}
			if p.NextCursor == nil {
				return
			}
			q.Set("cursor", *p.NextCursor)
		}
	}
}

// get reads one resource below a path.
func get[T any](ctx context.Context, c *Client, path string) (*T, error) {
	out := new(T)
	if err := c.read(ctx, path, out); err != nil {
		return nil, err
	}
	return out, nil
}

// change runs a request that changes something, and returns the resource that it answers with.
func change[T any](ctx context.Context, c *Client, operation, method, path string, body any) (*T, error) {
	out := new(T)
	if _, err := c.once(ctx, operation, method, path, body, out); err != nil {
		return nil, err
	}
	return out, nil
}
