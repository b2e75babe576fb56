package provider_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// other is an intent with the given id that belongs to another payment.
func other(id string) string {
	return strings.NewReplacer("pi_1", id, "pay_1", "pay_other").Replace(intentJSON)
}

func page(more bool, intents ...string) string {
	return fmt.Sprintf(`{"object":"list","has_more":%t,"data":[%s]}`, more, strings.Join(intents, ","))
}

// listing serves the page that is stored under each starting_after and notes the queries.
func listing(t *testing.T, pages map[string]string) (url string, queries *[]string) {
	t.Helper()
	queries = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*queries = append(*queries, r.URL.Query().Encode())
		w.Header().Set("Content-Type", "application/json")
		body, ok := pages[r.URL.Query().Get("starting_after")]
		if !ok {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, queries
}

func TestFindPagesUntilItMatches(t *testing.T) {
	t.Parallel()
	url, queries := listing(t, map[string]string{
		"": page(true, other("pi_9"), other("pi_8")), "pi_8": page(true, other("pi_7"), intentJSON),
	})
	res := client(t, url).Find(t.Context(), look())
	if res.Outcome != provider.Answered || res.Object.Reference != "pi_1" {
		t.Fatalf("%+v", res)
	}
	const near = "created%5Bgte%5D=1699999999&created%5Blte%5D=1700000002&limit=100"
	want := []string{near, near + "&starting_after=pi_8"}
	if len(*queries) < 2 || (*queries)[0] != want[0] || (*queries)[1] != want[1] {
		t.Fatalf("queries: got %q, want %q first", *queries, want)
	}
}

func TestFindReadsWideningWindowsAroundTheSend(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		since, until, later int64
		want                []string
	}{
		"until the lease ended": {1700000000, 1700000030, 0, []string{
			"1699999999-1700000002", "1700000003-1700000015", "1699999985-1699999998", "1700000016-1700000090",
			"1699999940-1699999984",
		}},
		"and what came later": {1700000000, 1700000030, 1700000930, []string{
			"1699999999-1700000002", "1700000003-1700000015", "1699999985-1699999998", "1700000016-1700000090",
			"1699999940-1699999984", "1700000091-1700000180", "1700000181-1700000720", "1700000721-1700000990",
		}},
		"without an end": {1700000000, 0, 0, []string{
			"1699999999-1700000002", "1700000003-1700000015", "1699999985-1699999998", "1700000016-1700000060",
			"1699999940-1699999984", "1700000061-",
		}},
		"without a beginning": {0, 1700000030, 0, []string{"-1700000090"}},
		"without either":      {0, 0, 0, []string{"-"}},
	} {
		url, queries := listing(t, map[string]string{"": page(false)})
		request := look()
		request.Since, request.Until, request.Later = moment(tc.since), moment(tc.until), moment(tc.later)
		if res := client(t, url).Find(t.Context(), request); res.Outcome != provider.NotFound {
			t.Fatalf("%s: %+v", name, res)
		}
		if got := windows(t, *queries); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

// moment is a time in Unix seconds, zero for none.
func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// windows are the ranges of created that were asked for.
func windows(t *testing.T, queries []string) (all []string) {
	t.Helper()
	for _, query := range queries {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, q.Get("created[gte]")+"-"+q.Get("created[lte]"))
	}
	return all
}

func TestFindOnlySaysNotFoundAfterReadingAll(t *testing.T) {
	t.Parallel()
	foreign := strings.Replace(intentJSON, "mer_1", "mer_2", 1)
	cases := map[string]struct {
		pages map[string]string
		want  provider.Outcome
	}{
		"nothing there":            {map[string]string{"": page(false)}, provider.NotFound},
		"only others":              {map[string]string{"": page(true, other("pi_9")), "pi_9": page(false, other("pi_8"))}, provider.NotFound},
		"another merchant's":       {map[string]string{"": page(false, foreign)}, provider.NotFound},
		"second page fails":        {map[string]string{"": page(true, other("pi_9"))}, provider.Unknown},
		"second page is no list":   {map[string]string{"": page(true, other("pi_9")), "pi_9": intentJSON}, provider.Unknown},
		"an intent is malformed":   {map[string]string{"": page(false, `{"object":"payment_intent"}`)}, provider.Unknown},
		"more, but nothing listed": {map[string]string{"": page(true)}, provider.Unknown},
		"no has_more":              {map[string]string{"": `{"object":"list","data":[]}`}, provider.Unknown},
		"no data":                  {map[string]string{"": `{"object":"list","has_more":false}`}, provider.Unknown},
		"the same page for ever":   {map[string]string{"": page(true, other("pi_9")), "pi_9": page(true, other("pi_9"))}, provider.Unknown},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, queries := listing(t, tc.pages)
			if res := client(t, url).Find(t.Context(), look()); res.Outcome != tc.want || len(*queries) > 100 {
				t.Errorf("%+v after %d pages, want %s", res, len(*queries), tc.want)
			}
		})
	}
}

// A caller that looks at one of several must look at the one that moved money, and must know that there are others.
func TestFindShowsEveryMatchAndFirstTheOneThatMovedMoney(t *testing.T) {
	t.Parallel()
	const failed = `"last_payment_error":{"type":"card_error"}`
	like := func(id, status string, more ...string) string {
		pairs := append([]string{"pi_1", id, `"succeeded"`, `"` + status + `"`, `"amount_received":1999`, `"amount_received":0`}, more...)
		return strings.NewReplacer(pairs...).Replace(intentJSON)
	}
	wrong := strings.NewReplacer("pi_1", "pi_2", "1999", "2000").Replace(intentJSON)
	declined := like("pi_3", "requires_payment_method", `"last_payment_error":null`, failed)
	untried := like("pi_4", "requires_payment_method")
	for name, tc := range map[string]struct {
		listed []string
		want   string
		others []string
	}{
		"one":                                {[]string{intentJSON}, "pi_1", nil},
		"only a wrong one":                   {[]string{wrong}, "pi_2", nil},
		"a wrong one and the right one":      {[]string{wrong, intentJSON}, "pi_1", []string{"pi_2"}},
		"declined, and another that charged": {[]string{declined, wrong}, "pi_2", []string{"pi_3"}},
		"canceled, and another untried":      {[]string{like("pi_5", "canceled"), untried}, "pi_4", []string{"pi_5"}},
		"untried, and another that charged":  {[]string{untried, intentJSON}, "pi_1", []string{"pi_4"}},
		"the same one twice":                 {[]string{intentJSON, intentJSON}, "pi_1", nil},
	} {
		pages := map[string]string{"": page(true, tc.listed[0]), reference(tc.listed[0]): page(false, tc.listed[1:]...)}
		url, _ := listing(t, pages)
		res := client(t, url).Find(t.Context(), look())
		var others []string
		for _, in := range res.Others {
			others = append(others, in.Reference)
		}
		if res.Outcome != provider.Answered || res.Object.Reference != tc.want || !slices.Equal(others, tc.others) {
			t.Errorf("%s: got %s %+v and %q, want %s and %q", name, res.Outcome, res.Object, others, tc.want, tc.others)
		}
	}
}

// reference is an intent's id.
func reference(intent string) string {
	_, rest, _ := strings.Cut(intent, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// A search that can't be finished still has its match.
func TestFindKeepsItsMatchWhenTheRestCannotBeRead(t *testing.T) {
	t.Parallel()
	url, queries := listing(t, map[string]string{"": page(true, intentJSON)}) // the second page is a 500
	res := client(t, url).Find(t.Context(), look())
	if res.Outcome != provider.Answered || res.Object.Reference != "pi_1" || len(*queries) != 2 {
		t.Errorf("got %+v after %d pages", res, len(*queries))
	}
}

// What lies in the past is read once, over as many calls as it takes; what may still grow is read again.
func TestFindGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked = append(asked, q.Get("created[gte]")+"/"+q.Get("starting_after"))
		w.Header().Set("Content-Type", "application/json")
		switch after := q.Get("starting_after"); {
		case broken.Load() && after == "pi_8":
			w.WriteHeader(http.StatusInternalServerError)
		case q.Get("created[gte]") != "1700000003": // all windows but one are empty
			_, _ = io.WriteString(w, page(false))
		case after == "":
			_, _ = io.WriteString(w, page(true, other("pi_9"), other("pi_8")))
		default:
			_, _ = io.WriteString(w, page(false, other("pi_7")))
		}
	}))
	t.Cleanup(server.Close)
	c, request := client(t, server.URL), look()
	request.Until = request.Since.Add(30 * time.Second)
	for now, want := range map[time.Duration][]string{
		5 * time.Minute:  {"1700000003/pi_8", "1699999985/"},
		65 * time.Second: {"1699999999/", "1700000003/"}, // only the first window is over
		time.Second:      {"1699999999/", "1700000003/"},
	} {
		broken.Store(true)
		request.Now, request.Position = request.Since.Add(now), ""
		stopped := c.Find(t.Context(), request)
		if stopped.Outcome != provider.Unknown || (stopped.Position == "") != (now == time.Second) {
			t.Errorf("after %s: stopped: %+v", now, stopped)
		}
		broken.Store(false)
		asked, request.Position = nil, stopped.Position
		res := c.Find(t.Context(), request)
		if res.Outcome != provider.NotFound || res.Position != "" || !slices.Equal(asked[:2], want) {
			t.Errorf("after %s: got %+v, asked %q, want %q first", now, res, asked, want)
		}
	}
	asked, request.Position = nil, "1-2/pi_8" // of another plan
	if res := c.Find(t.Context(), request); res.Outcome != provider.NotFound || asked[0] != "1699999999/" {
		t.Errorf("from a position that isn't there: %+v, asked %q", res, asked)
	}
}
