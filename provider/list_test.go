package provider_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

func TestAListIsReadPageByPage(t *testing.T) {
	t.Parallel()
	url, queries := listing(t, map[string]string{"": page(true, other("pi_9"), intentJSON), "pi_1": page(false, other("pi_7"))})
	c, request := client(t, url), provider.ListRequest{From: time.Unix(1699999000, 0), To: time.Unix(1700000000, 0)}
	var seen []string
	for range 2 {
		got, err := c.ListIntents(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range got.Objects {
			seen = append(seen, in.Reference)
		}
		request.After = got.Next
	}
	if want := []string{"pi_9", "pi_1", "pi_7"}; !slices.Equal(seen, want) || request.After != "" {
		t.Errorf("got %q and then %q, want %q and no more", seen, request.After, want)
	}
	const first = "created%5Bgte%5D=1699999000&created%5Blte%5D=1700000000&limit=100"
	if want := []string{first, first + "&starting_after=pi_1"}; !slices.Equal(*queries, want) {
		t.Errorf("asked %q, want %q", *queries, want)
	}
}

func TestAPageThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no list":                refundJSON,
		"an intent":              page(false, intentJSON),
		"one that is malformed":  page(false, refundJSON, `{"object":"refund"}`),
		"more, but nothing":      page(true),
		"the provider's failure": "",
	} {
		pages := map[string]string{"": body}
		if body == "" {
			pages = nil // 500
		}
		url, _ := listing(t, pages)
		got, err := client(t, url).ListRefunds(t.Context(), provider.ListRequest{})
		if err == nil || got.Objects != nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %+v, %v, want an error", name, got, err)
		}
	}
	c := client(t, "http://127.0.0.1:1")
	if _, err := c.ListRefunds(t.Context(), provider.ListRequest{After: "../x"}); err == nil {
		t.Error("got no error for a position that is none")
	}
}
