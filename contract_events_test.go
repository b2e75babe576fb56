package main

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/wait"
)

const beforeAllEvents = "evt_00000000000000000000000000"

type eventPage struct {
	Data []struct {
		ID, Type   string
		ResourceID string `json:"resource_id"`
	}
	Next *string `json:"next_cursor"`
}

// eventsAfter reads one page, oldest first.
func (s *api) eventsAfter(t *testing.T, after, query string) (page eventPage) {
	t.Helper()
	got := s.do(t, call{method: "GET", path: "/v1/events?after=" + after + query})
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 || page.Next == nil {
		t.Fatalf("GET after %s: got %d %s, want a page with a next_cursor (%v)", after, got.status, got.body, err)
	}
	return page
}

// poll reads on until so many events have come, and returns their types and the cursor behind them.
func (s *api) poll(t *testing.T, after, query string, count int) (types []string, ids []string, next string) {
	t.Helper()
	wait.Within(t, time.Minute, "the events are there", func() bool {
		page := s.eventsAfter(t, after, query)
		for _, event := range page.Data {
			types, ids = append(types, event.Type), append(ids, event.ID)
		}
		after = *page.Next
		return len(types) >= count
	})
	return types, ids, after
}

func TestEventsAreReadOldestFirstFromWhereAReaderStopped(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	payment := s.pay(t, "pay", order, "pm_card_visa").text(t, "id")
	const story = "order.created order.paid payment.succeeded"
	types, ids, _ := s.poll(t, beforeAllEvents, "&limit=1", 3)
	if strings.Count(strings.Join(types, " "), "order.created") != 1 || types[0] != "order.created" {
		t.Fatalf("got %v, want something like %s", types, story)
	}
	all, everything, end := s.poll(t, beforeAllEvents, "&limit=100", len(types))
	if len(all) < 3 || strings.Join(everything[:3], " ") != strings.Join(ids[:3], " ") {
		t.Errorf("by pages of one the events are %v, at once %v", ids, everything)
	}
	if page := s.eventsAfter(t, end, ""); len(page.Data) != 0 || *page.Next != end {
		t.Errorf("behind the last event there is %+v", page)
	}
	if page := s.eventsAfter(t, everything[0], "&limit=1"); page.Data[0].ID != everything[1] {
		t.Errorf("behind the event %s comes %+v, want %s", everything[0], page.Data, everything[1])
	}
	if page := s.eventsAfter(t, beforeAllEvents, "&type=payment.*&resource_id="+payment); len(page.Data) == 0 || page.Data[0].ResourceID != payment || !strings.HasPrefix(page.Data[0].Type, "payment.") {
		t.Errorf("the payment's events are %+v", page)
	}
	if page := s.eventsAfter(t, beforeAllEvents, "&type=payment.*&resource_id="+order); len(page.Data) != 0 {
		t.Errorf("payment events of an order: %+v", page)
	}
	if newest := s.ids(t, "/v1/events?resource_id="+order+"&type=order.*"); !strings.HasSuffix(newest, everything[0]) {
		t.Errorf("the order's events, newest first, are %s, want %s as the last one", newest, everything[0])
	}
	s.Options.Env = map[string]string{"SECRET_KEY": "YW5vdGhlci1zZWNyZXQta2V5LW9mLTMyLWJ5dGVzISE="}
	s.Restart()
	if page := s.eventsAfter(t, end, ""); len(page.Data) != 0 {
		t.Errorf("after another SECRET_KEY there is %+v behind the old cursor", page)
	}
	s.order(t, "another")
	if types, _, _ := s.poll(t, end, "", 1); types[0] != "order.created" {
		t.Errorf("the next event is %v", types)
	}
}

func TestAPlaceInTheLogIsTheMerchantsOwn(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	s.order(t, "order")
	_, ids, next := s.poll(t, beforeAllEvents, "", 1)
	for query, want := range map[string]struct {
		token  string
		status int
	}{
		"after=" + ids[0]: {s.other, 404},
		"after=" + models.FormatID(models.PrefixEvent, models.NewID()): {s.key, 404},
		"after=" + next:                             {s.other, 400},
		"after=evt_x":                               {s.key, 400},
		"after=":                                    {s.key, 400},
		"after=x":                                   {s.key, 400},
		"after=" + url.QueryEscape(next+" "):        {s.key, 400},
		"after=" + next + "&cursor=" + next:         {s.key, 400},
		"after=" + next + "&after=" + next:          {s.key, 400},
		"after=" + next + "&resource_id=mer_1":      {s.key, 400},
		"after=" + next + "&type=payment.*.*":       {s.key, 400},
		"type=*":                                    {s.key, 400},
		"resource_id=x":                             {s.key, 400},
		"after=" + next + "&limit=0":                {s.key, 400},
		"after=" + next + "&created[gte]=yesterday": {s.key, 400},
	} {
		if got := s.do(t, call{method: "GET", path: "/v1/events?" + query, token: want.token}); got.status != want.status {
			t.Errorf("%s: got %d %s, want %d", query, got.status, got.body, want.status)
		}
	}
}
