package payonce

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// Event is a change that was committed.
type Event struct {
	ID              string          `json:"id"`
	Type            string          `json:"type"` // payment.succeeded, say
	ResourceType    string          `json:"resource_type"`
	ResourceID      string          `json:"resource_id"`
	ResourceVersion int             `json:"resource_version"` // counts the changes of one resource
	Data            json.RawMessage `json:"data"`             // the resource as it was after the change: an Order, a Payment, ...
	CreatedAt       time.Time       `json:"created_at"`
}

// EventFilter says which events are read.
type EventFilter struct {
	Range

	Types      []string // any of them; payment.* is all that begin so
	ResourceID string
}

// FirstEvent is before all events, for [Client.EventsAfter].
const FirstEvent = "evt_00000000000000000000000000"

func (f EventFilter) query() url.Values {
	q := f.Range.query("resource_id", f.ResourceID)
	add(q, "type", f.Types...)
	return q
}

// GetEvent reads an event.
func (c *Client) GetEvent(ctx context.Context, id string) (*Event, error) {
	return get[Event](ctx, c, "/v1/events/"+url.PathEscape(id))
}

// Events lists events, newest first.
func (c *Client) Events(ctx context.Context, f EventFilter) iter.Seq2[*Event, error] {
	return list[Event](ctx, c, "/v1/events", f.query())
}

// EventsAfter reads the log on from an event, oldest first, and skips none. It ends when there are no more: go on later with
// the id of the last event that was handled, which the caller keeps.
func (c *Client) EventsAfter(ctx context.Context, id string, f EventFilter) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		q := f.query()
		for {
			q.Set("after", id)
			var p page[Event]
			if err := c.read(ctx, "/v1/events?"+q.Encode(), &p); err != nil {
				yield(nil, err)
				return
			}
			for i := range p.Data {
				if !yield(&p.Data[i], nil) {
					return
				}
			}
			if len(p.Data) == 0 || p.NextCursor == nil {
				return
			}
			id = *p.NextCursor
		}
	}
}
