package check

import (
	"path/filepath"
	"slices"
	"testing"
)

// What may happen is not reported as a violation: a checker that gives false alarms is soon ignored.
func TestWhatMayHappenIsNoViolation(t *testing.T) {
	t.Parallel()
	merchant := "mer_00000000000000000000000001"
	answer := func(request string, sent Time, status int, code string) Event {
		e := Event{Merchant: merchant, Key: "k", Method: "POST", Path: "/v1/payments", Request: request, Sent: sent, Answered: sent + 10, Status: status}
		if code != "" {
			e.Body = `{"code":"` + code + `"}`
		}
		return e
	}
	replay := answer("mine", 900, 201, "")
	replay.Replayed = true
	beside := answer("mine", 100, 201, "") // sent before the first outcome was seen, answered by its own execution
	read := func(body string) Event {
		return Event{Merchant: merchant, Method: "GET", Path: "/v1/payments", Sent: 950, Answered: 960, Status: 200, Body: body}
	}
	underWay := `{"id":"pay_1eretqv7hehckrkxmgd7aata9e","status":"processing"}` // and taken back a moment later
	c := &checker{report: newReport(), keys: map[keyID]*keyState{}, owners: owners{}, in: Input{History: Events([]Event{
		answer("theirs", 10, 409, "idempotency-request-in-flight"),
		answer("mine", 100, 0, ""), answer("mine", 100, 503, "unavailable"), answer("mine", 101, 409, "order-not-payable"),
		answer("mine", 120, 201, ""), beside,
		answer("theirs", 300, 422, "idempotency-key-reused"), answer("mine", 400, 409, "idempotency-request-in-flight"),
		answer("mine", 500, 429, "rate-limited"), answer("mine", 600, 401, "unauthorized"), answer("mine", 700, 500, "internal"),
		answer("mine", 800, 410, "idempotency-key-expired"), answer("mine", 810, 410, "idempotency-key-expired"), replay,
		read(underWay), read(`{"data":[` + underWay + `]}`),
	})}}
	if err := c.readHistory(t.Context()); err != nil || !c.report.OK() || c.report.Outcomes != 3 || c.report.Keys != 1 {
		t.Errorf("%v\n%s", err, c.report)
	}
}

// A fault that stops everything moves the others' limits; one after which clients sent hardly any requests, or were
// done before its limit, is not judged.
func TestGoodputIsJudgedWhereItCouldBe(t *testing.T) {
	t.Parallel()
	const second = Time(1_000_000)
	outage := Fault{Kind: "restart", Began: 12 * second, Ended: 16 * second, Stops: true}
	asked := func(at Time, status int) *Event {
		return &Event{Key: "k", Sent: at, Answered: at + 1, Status: status}
	}
	for name, test := range map[string]struct {
		faults         []Fault
		served         Time
		judged, broken int64
	}{
		"served in time":                     {[]Fault{{Ended: 10 * second}}, 14 * second, 1, 0},
		"served late":                        {[]Fault{{Ended: 10 * second}}, 16 * second, 1, 1},
		"served late, after an outage":       {[]Fault{{Ended: 10 * second}, outage}, 20 * second, 2, 0},
		"served too late, after an outage":   {[]Fault{{Ended: 10 * second}, outage}, 22 * second, 2, 2},
		"the clients were done before":       {[]Fault{{Ended: 20 * second}}, 14 * second, 0, 0},
		"no request after the last fault":    {[]Fault{{Ended: 70 * second}}, 14 * second, 0, 0},
		"an outage that ended before counts": {[]Fault{{Ended: 10 * second, Stops: true}, {Ended: 11 * second}}, 16*second - 10, 2, 1},
	} {
		g := newGoodput(test.faults)
		for at := 10 * second; at < 24*second; at += second / 4 {
			g.add(asked(at, 503))
		}
		g.add(asked(60*second, 503)) // and one much later, which says nothing about them
		g.add(asked(test.served, 201))
		replay := asked(11*second, 201)
		replay.Replayed = true
		g.add(replay)
		r := newReport()
		g.judge(r)
		if r.Judged != test.judged || r.Counts[GoodputReturns] != test.broken {
			t.Errorf("%s: %d judged, %d broken", name, r.Judged, r.Counts[GoodputReturns])
		}
	}
}

func TestAHistoryReadsBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"history.jsonl", "history.jsonl.gz"} {
		path := filepath.Join(t.TempDir(), name)
		recorder, err := Record(path)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"first", "second \"quoted\"\n", "third"}
		for _, key := range want {
			recorder.Add(Event{Key: key, Body: "{}", Header: map[string]string{"Location": "/v1/orders/x"}, Status: 201})
		}
		if err := recorder.Close(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for e, err := range ReadHistory(path) {
			if err != nil || e.Header["Location"] != "/v1/orders/x" {
				t.Fatal(e, err)
			}
			got = append(got, e.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, err := range ReadHistory(filepath.Join(t.TempDir(), "none")) {
		if err == nil {
			t.Error("a missing history is an empty one")
		}
	}
}

func TestRequestsAreTheSameWhateverTheirSpelling(t *testing.T) {
	t.Parallel()
	one := RequestOf("POST", "/v1/orders", `{"a":1,"b":[1.50]}`)
	if one != RequestOf("POST", "/v1/orders", "{ \"b\":[1.50],\n\"a\":1}") {
		t.Error("spelled differently, taken for another")
	}
	for _, other := range []string{RequestOf("POST", "/v1/orders", `{"a":1,"b":[1.51]}`), RequestOf("POST", "/v1/payments", `{"a":1,"b":[1.50]}`), RequestOf("PUT", "/v1/orders", `{"a":1,"b":[1.50]}`)} {
		if one == other {
			t.Error("another request, taken for the same")
		}
	}
}
