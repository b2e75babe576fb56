package provider_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// other is an intent of somebody else with the given id.
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
	if res.Outcome != provider.Answered || res.Intent.Reference != "pi_1" {
		t.Fatalf("%+v", res)
	}
	want := []string{"created%5Bgte%5D=1699999940&limit=100", "created%5Bgte%5D=1699999940&limit=100&starting_after=pi_8"}
	if len(*queries) != 2 || (*queries)[0] != want[0] || (*queries)[1] != want[1] {
		t.Fatalf("queries: %q", *queries)
	}
}

func TestFindReadsItsWindowOnly(t *testing.T) {
	t.Parallel()
	url, queries := listing(t, map[string]string{"": page(false)})
	request := look()
	request.Until = request.Since.Add(30 * time.Second)
	if res := client(t, url).Find(t.Context(), request); res.Outcome != provider.NotFound {
		t.Fatalf("%+v", res)
	}
	if want := "created%5Bgte%5D=1699999940&created%5Blte%5D=1700000090&limit=100"; len(*queries) != 1 || (*queries)[0] != want {
		t.Errorf("queries: %q", *queries)
	}
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

func TestFindShowsADiscrepancyAndPrefersTheExactMatch(t *testing.T) {
	t.Parallel()
	wrong := strings.NewReplacer("pi_1", "pi_2", "1999", "2000").Replace(intentJSON)
	for name, tc := range map[string]struct{ body, want string }{
		"only the wrong one": {page(false, wrong), "pi_2"},
		"both":               {page(false, wrong, intentJSON), "pi_1"},
	} {
		url, _ := listing(t, map[string]string{"": tc.body})
		if res := client(t, url).Find(t.Context(), look()); res.Outcome != provider.Answered || res.Intent.Reference != tc.want {
			t.Errorf("%s: %+v", name, res)
		}
	}
}
