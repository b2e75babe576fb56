package security

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// headers: nothing that a client writes becomes a header of an answer. That every header of every answer is a known one,
// and holds no canary, is checked at each answer.
func (s *target) headers(t *testing.T) {
	t.Run("no request header comes back", s.reflections)
	t.Run("an answer can't be split by what it is made of", s.splitting)
	t.Run("a client does not choose the request id", func(t *testing.T) {
		const chosen = "req_AAAAAAAAAAAAAAAAAAAAAAAAAA"
		for range 2 {
			trace := "00-" + strings.Repeat("a", 32) + "-" + strings.Repeat("b", 16) + "-01"
			resp := s.mine.send(t, "GET", "/v1/orders/x", "", "", "X-Request-Id", chosen, "X-Correlation-Id", chosen, "Traceparent", trace)
			if strings.Contains(resp.Header.Get("X-Request-Id")+string(resp.Body), chosen) {
				t.Errorf("it did: %v", resp.Header)
			}
		}
	})
	t.Run("a preference is applied as a number or not at all", func(t *testing.T) {
		for _, value := range []string{
			"wait=" + canary, `wait="5, ` + canary + `"`, "wait=1;" + canary, "wait=-1", "wait=99999999999999999999999999", "wait=1e3",
			`wait="\"1"`, canary + "; wait=3",
			"respond-async, wait=0x10", strings.Repeat("a,", 4000),
		} {
			resp := s.mine.send(t, "POST", "/v1/orders", uuid.NewString(), service.OrderBody, "Prefer", value)
			if resp.Status != 201 || resp.Header.Get("Preference-Applied") != "" { // nothing was waited for
				t.Errorf("Prefer: %s: %s %v", value, resp, resp.Header)
			}
		}
	})
}

func (s *target) reflections(t *testing.T) {
	names := []string{
		"X-Request-Id", "User-Agent", "Referer", "Origin", "Cookie", "Accept", "Accept-Language", "Accept-Encoding", "Access-Control-Request-Method",
		"Access-Control-Request-Headers", "Range", "If-None-Match", "If-Modified-Since", "Prefer", "Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
		"X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Real-Ip", "X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "Upgrade-Insecure-Requests",
		"Sec-Fetch-Site", "Link", "Etag", "Content-Language", "Location", "Set-Cookie", "Idempotent-Replayed", "Traceparent", "Baggage",
	}
	var lines []string
	for _, name := range names {
		lines = append(lines, name+": "+canary)
	}
	for _, request := range []string{
		s.mine.raw("GET", "/v1/orders", "", lines...), s.mine.raw("GET", "/healthz", "", lines...), s.mine.raw("OPTIONS", "/v1/orders", "", lines...),
		s.mine.raw("GET", "/swagger/index.html", "", lines...), s.mine.raw("GET", "/problems", "", lines...), s.mine.raw("GET", "/"+canary, "", lines...),
		s.mine.raw("POST", "/v1/orders", order("reflected"), append(lines, "Idempotency-Key: "+uuid.NewString())...),
		s.mine.raw("POST", "/v1/orders", "{}", append(lines, "Idempotency-Key: "+canary)...),
	} {
		for _, resp := range []service.Response{s.one(t, request), s.one(t, request)} { // a replay of it, too
			if strings.Contains(string(resp.Body), canary) {
				t.Errorf("%.60q: %s", request, resp)
			}
		}
	}
	// A refused media type is named, as text inside JSON.
	resp := s.one(t, strings.Replace(s.mine.raw("POST", "/v1/orders", "{}", "Idempotency-Key: k"), "application/json", `<script>"`+canary, 1))
	service.Wants(t, "a media type", resp, 415, "unsupported-media-type")
	if !json.Valid(resp.Body) {
		t.Errorf("no JSON: %s", resp)
	}
}

func (s *target) splitting(t *testing.T) {
	for _, piece := range []string{
		"%0d%0aSet-Cookie:%20a=" + canary, "%0aLocation:%20http://evil", "%E5%98%8A%E5%98%8DSet-Cookie:a", "%0d%0a%0d%0a<html>", "%00", "%u000d", "..%0d%0a",
		"%c4%8d%c4%8aX:1", "%ff", "<script>", "'%22><img%20src=x>",
	} {
		for _, request := range [][2]string{
			{"GET", "/v1/orders/" + piece},
			{"GET", "/v1/payments/" + piece},
			{"GET", "/v1/events/" + piece},
			{"GET", "/" + piece},
			{"GET", "/problems/" + piece},
			{"GET", "/swagger/" + piece},
			{"POST", "/v1/orders/" + piece + "/cancel"},
		} {
			resp := s.one(t, s.mine.raw(request[0], request[1], "", "Idempotency-Key: "+uuid.NewString()))
			body := string(resp.Body)
			if resp.Status != 404 && !byServer(resp) || resp.Header.Get("Location") != "" || strings.Contains(body, canary) || strings.Contains(body, "<script") {
				t.Errorf("%s %s: %s", request[0], request[1], resp)
			}
		}
		resp := s.one(t, s.mine.raw("GET", "/v1/orders?"+piece+"=1", ""))
		if resp.Status != 400 || !byServer(resp) && !json.Valid(resp.Body) {
			t.Errorf("?%s: %s", piece, resp)
		}
	}
}
