package provider

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// Below TLS the handshake is written before, and the goodbye after the time is over; the request is not.
func TestOnTLSARequestWhoseTimeIsOverIsNotSent(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL, SecretKey: "sk_test_x", Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	trusted, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the server's client has the transport %T", server.Client().Transport)
	}
	c.transport.TLSClientConfig = trusted.TLSClientConfig
	req := request{method: http.MethodPost, path: intentsPath, form: map[string][]string{"a": {"b"}}}
	now := time.Now()
	for i, tc := range []struct {
		until limits
		sent  bool
	}{
		{limits{now.Add(-time.Minute)}, false},
		{limits{now.Add(time.Hour)}, true},
		{limits{now.Add(time.Hour), now.Round(0).Add(-time.Minute)}, false}, // on the kept-alive connection
		{nil, true},
	} {
		before := requests.Load()
		rep := c.do(t.Context(), req, tc.until)
		if sent := requests.Load() > before; sent != tc.sent || rep.notSent == tc.sent {
			t.Errorf("call %d: sent %v, believed to be not sent %v (%v), want sent %v", i, sent, rep.notSent, rep.err, tc.sent)
		}
	}
}
