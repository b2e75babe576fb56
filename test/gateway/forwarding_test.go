package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

const spoofed = "203.0.113.9"

// claims is what a client says of where it comes from and how its request is called.
func claims() []string {
	return []string{
		"X-Forwarded-For", spoofed, "X-Forwarded-For", "203.0.113.8, 127.0.0.1", "X-Real-Ip", spoofed, "Forwarded", "for=" + spoofed,
		"X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil.example", "X-Request-Id", "req_AAAAAAAAAAAAAAAAAAAAAAAAAA", "X_Forwarded_For", spoofed,
	}
}

// requestLine is a request's line in a replica's log.
type requestLine struct {
	RequestID string `json:"request_id"`
	Client    string `json:"client"`
	Merchant  string `json:"merchant"`
	Route     string `json:"route"`
	Status    int    `json:"status"`
}

// lineOf finds it.
func lineOf(t *testing.T, s *service.Service, requestID string) (found requestLine) {
	t.Helper()
	service.Until(t, "the replica has logged "+requestID, func() bool {
		for text := range strings.Lines(s.Log()) {
			if strings.Contains(text, `"request_id":"`+requestID+`"`) {
				return json.Unmarshal([]byte(text), &found) == nil
			}
		}
		return false
	})
	return found
}

func TestTheGatewaySaysWhoTheClientIs(t *testing.T) {
	t.Parallel()
	w := open(t, 1, nil)
	resp := w.Send(context.Background(), http.MethodPost, "/v1/orders", uuid.NewString(), service.OrderBody, claims()...)
	service.Wants(t, "an order", resp, http.StatusCreated, "")
	id := resp.Header.Get("X-Request-Id")
	want := requestLine{RequestID: id, Client: "127.0.0.1", Merchant: w.MerchantID(), Route: "/v1/orders", Status: http.StatusCreated}
	if got := lineOf(t, w.replicas[0], id); got != want || id == "req_AAAAAAAAAAAAAAAAAAAAAAAAAA" {
		t.Errorf("got the line %+v, want %+v", got, want)
	}
	if got := w.gateway.lineOf(id); got.Client != "127.0.0.1" || got.Status != http.StatusCreated {
		t.Errorf("the gateway's line of the request is %+v", got)
	}
	// The gateway is believed: what it says is another address than its own.
	direct := w.At(w.replicas[0]).Send(context.Background(), http.MethodGet, "/v1/orders", "", "", "X-Forwarded-For", spoofed, "X-Request-Id", "req_0123456789ABCDEF")
	if got := lineOf(t, w.replicas[0], "req_0123456789ABCDEF"); direct.Header.Get("X-Request-Id") != "req_0123456789ABCDEF" || got.Client != spoofed {
		t.Errorf("from a trusted address: got %v and %+v, want its own word for both", direct.Header, got)
	}
}

func TestAnotherThanTheGatewayIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := open(t, 1, map[string]string{"TRUSTED_PROXIES": "127.99.99.99"})
	for _, c := range []*service.Client{w.Client, w.At(w.replicas[0])} {
		resp := c.Send(context.Background(), http.MethodGet, "/v1/orders", "", "", claims()...)
		id := resp.Header.Get("X-Request-Id")
		if got := lineOf(t, w.replicas[0], id); got.Client != "127.0.0.1" || len(id) != len("req_")+26 || id == "req_AAAAAAAAAAAAAAAAAAAAAAAAAA" {
			t.Errorf("got %+v, want the connection's address and a name of the service's own", got)
		}
	}
}

func TestTheGatewayReplacesWhatClientsClaim(t *testing.T) {
	t.Parallel()
	p := findPlace(t, 1)
	all := []*standIn{startStandIn(t, p, 0)}
	startGateway(t, p).replacesClaims(t, all)
}

func (g *gateway) replacesClaims(t *testing.T, all []*standIn) {
	t.Helper()
	got := make(chan http.Header, 1)
	for _, s := range all {
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id")) // as the service does
			got <- r.Header.Clone()
			w.WriteHeader(http.StatusCreated)
		})
	}
	defer func() {
		for _, s := range all {
			s.answers(nil)
		}
	}()
	var lines []string
	list := append(claims(), "Upgrade", "h2c", "Transfer_Encoding", "chunked")
	for i := 0; i+1 < len(list); i += 2 {
		lines = append(lines, list[i]+": "+list[i+1])
	}
	resp := g.post(t, "claims", lines...)
	header := <-got
	if want := []string{"127.0.0.1"}; strings.Join(header["X-Forwarded-For"], "|") != want[0] || strings.Join(header["X-Forwarded-Proto"], "|") != "https" {
		t.Errorf("got %v", header)
	}
	if ids := header["X-Request-Id"]; len(ids) != 1 || ids[0] != resp.Header.Get("X-Request-Id") || ids[0] == "req_AAAAAAAAAAAAAAAAAAAAAAAAAA" {
		t.Errorf("the request is called %v, and its answer %s", ids, resp.Header.Get("X-Request-Id"))
	}
	for name, values := range header {
		if text := strings.Join(values, " "); strings.Contains(text, "203.0.113") || strings.Contains(text, "evil") || strings.Contains(name, "_") || name == "Upgrade" {
			t.Errorf("%s: %s came through", name, text)
		}
	}
}
