package provider_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/payonce/payonce/provider"
)

func lookForRefund() provider.FindRefundRequest {
	return provider.FindRefundRequest{Intent: "pi_1", OperationID: "re_ours", MerchantID: "mer_1"}
}

// otherRefund is a refund of the same intent by another operation.
func otherRefund(id string) string {
	return strings.NewReplacer("re_1", id, "re_ours", "re_other").Replace(refundJSON)
}

func TestFindRefundOnlySaysNotFoundAfterReadingAll(t *testing.T) {
	t.Parallel()
	foreign := strings.Replace(refundJSON, "mer_1", "mer_2", 1)
	for name, tc := range map[string]struct {
		pages map[string]string
		want  provider.Outcome
	}{
		"nothing there":           {map[string]string{"": page(false)}, provider.NotFound},
		"only others":             {map[string]string{"": page(true, otherRefund("re_9")), "re_9": page(false, otherRefund("re_8"))}, provider.NotFound},
		"on the second page":      {map[string]string{"": page(true, otherRefund("re_9")), "re_9": page(false, refundJSON)}, provider.Answered},
		"another merchant's":      {map[string]string{"": page(false, foreign)}, provider.NotFound},
		"second page fails":       {map[string]string{"": page(true, otherRefund("re_9"))}, provider.Unknown},
		"a refund is malformed":   {map[string]string{"": page(false, `{"object":"refund"}`)}, provider.Unknown},
		"intents":                 {map[string]string{"": page(false, intentJSON)}, provider.Unknown},
		"no list":                 {map[string]string{"": refundJSON}, provider.Unknown},
		"the same page for ever":  {map[string]string{"": page(true, otherRefund("re_9")), "re_9": page(true, otherRefund("re_9"))}, provider.Unknown},
		"a match, then a failure": {map[string]string{"": page(true, refundJSON)}, provider.Answered},
	} {
		url, queries := listing(t, tc.pages)
		if res := client(t, url).FindRefund(t.Context(), lookForRefund()); res.Outcome != tc.want || len(*queries) > 100 {
			t.Errorf("%s: got %+v after %d pages, want %s", name, res, len(*queries), tc.want)
		}
		if want := "limit=100&payment_intent=pi_1"; (*queries)[0] != want {
			t.Errorf("%s: asked %q first, want %q", name, (*queries)[0], want)
		}
	}
	c := client(t, "http://127.0.0.1:1")
	for _, wrong := range []provider.FindRefundRequest{{}, {Intent: "../x", OperationID: "o", MerchantID: "m"}, {Intent: "pi_1", OperationID: "o"}} {
		if res := c.FindRefund(t.Context(), wrong); res.Outcome != provider.NotSent || res.Err == nil {
			t.Errorf("%+v: got %+v, want not_sent", wrong, res)
		}
	}
}

func TestFindRefundShowsEveryMatchAndFirstTheOneThatGaveMoneyBack(t *testing.T) {
	t.Parallel()
	like := func(id, status string) string {
		return strings.NewReplacer("re_1", id, "pending", status).Replace(refundJSON)
	}
	for name, tc := range map[string]struct {
		listed []string
		want   string
		others []string
	}{
		"one":                      {[]string{refundJSON}, "re_1", nil},
		"failed, and another":      {[]string{like("re_2", "failed"), refundJSON}, "re_1", []string{"re_2"}},
		"pending, and a success":   {[]string{refundJSON, like("re_2", "succeeded")}, "re_2", []string{"re_1"}},
		"canceled, and unknown":    {[]string{like("re_2", "canceled"), like("re_3", "under_review")}, "re_3", []string{"re_2"}},
		"the same one, two times":  {[]string{refundJSON, refundJSON}, "re_1", nil},
		"three, and one succeeded": {[]string{like("re_2", "failed"), like("re_3", "succeeded"), refundJSON}, "re_3", []string{"re_2", "re_1"}},
	} {
		url, _ := listing(t, map[string]string{"": page(false, tc.listed...)})
		res := client(t, url).FindRefund(t.Context(), lookForRefund())
		var others []string
		for _, r := range res.Others {
			others = append(others, r.Reference)
		}
		if res.Outcome != provider.Answered || res.Object.Reference != tc.want || !slices.Equal(others, tc.others) {
			t.Errorf("%s: got %s %+v and %q, want %s and %q", name, res.Outcome, res.Object, others, tc.want, tc.others)
		}
	}
}

// What is older than the last page that was read is read next; and then what was made since the search began.
func TestFindRefundGoesOnWhereItStoppedAndSeesWhatWasMadeSince(t *testing.T) {
	t.Parallel()
	var stopped, made atomic.Bool
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		after := r.URL.Query().Get("starting_after")
		asked = append(asked, after)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case after == "re_8" && !stopped.Swap(true):
			w.WriteHeader(http.StatusInternalServerError)
		case after == "" && made.Load():
			_, _ = io.WriteString(w, page(true, refundJSON, otherRefund("re_9")))
		case after == "":
			_, _ = io.WriteString(w, page(true, otherRefund("re_9"), otherRefund("re_8")))
		default:
			_, _ = io.WriteString(w, page(false, otherRefund("re_7")))
		}
	}))
	t.Cleanup(server.Close)
	c, request := client(t, server.URL), lookForRefund()
	first := c.FindRefund(t.Context(), request)
	if first.Outcome != provider.Unknown || first.Position != "re_9/re_8" {
		t.Fatalf("stopped: got %+v, want unknown at re_9/re_8", first)
	}
	asked, request.Position = nil, first.Position
	if res := c.FindRefund(t.Context(), request); res.Outcome != provider.NotFound || !slices.Equal(asked, []string{"re_8", ""}) {
		t.Errorf("gone on: got %+v, asked %q, want not_found after re_8 and the beginning", res, asked)
	}
	made.Store(true)
	if res := c.FindRefund(t.Context(), request); res.Outcome != provider.Answered || res.Object.Reference != "re_1" {
		t.Errorf("made since: got %+v, want re_1", res)
	}
	for _, none := range []string{"re_9", "/", "../x/re_8"} {
		asked, request.Position = nil, none
		if c.FindRefund(t.Context(), request); asked[0] != "" {
			t.Errorf("from %q: asked %q first, want the beginning", none, asked[0])
		}
	}
}
