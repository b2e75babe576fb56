package security

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// A merchant must not have requests sent into the network that the service runs in, however the address is spelled. The service is set
// up as in production; what it would reach stands on this machine, and counts.
func TestNoRequestIsSentIntoOurOwnNetwork(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(inside.Close)
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	s := attack(t, service.Options{})
	for _, host := range []string{
		"127.0.0.1", "localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]",
		"10.0.0.1", "192.168.0.1", "169.254.169.254", "metadata.google.internal", "[fe80::1%25lo]", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "user@127.0.0.1", "shop.example@127.0.0.1",
		"127.0.0.1%2523@shop.example", "shop.example%00.127.0.0.1",
	} {
		for _, scheme := range []string{"https://", "http://"} {
			resp := s.mine.send(t, "POST", "/v1/webhook-endpoints", uuid.NewString(), `{"url":"`+scheme+host+port+`/"}`)
			service.Wants(t, scheme+host, resp, 422, "validation-failed")
		}
	}
	// As if the rules had been other ones when it was registered.
	s.mine.order(t)
	resp := s.mine.send(t, "POST", "/v1/webhook-endpoints", uuid.NewString(), `{"url":"https://93.184.215.14/","events":["no.such_event"]}`)
	service.Wants(t, "a public address", resp, 201, "")
	for _, url := range []string{inside.URL, strings.Replace(inside.URL, "http:", "https:", 1)} {
		if _, err := s.db.ExecContext(t.Context(), `UPDATE webhook_endpoints SET url = $1, events = '{order.*}'`, url); err != nil {
			t.Fatal(err)
		}
		s.mine.order(t)
	}
	service.Until(t, "the deliveries have failed", func() bool {
		return s.number(t, "SELECT count(*) FROM webhook_deliveries WHERE last_error = 'address_not_allowed'") == 2
	})
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests were sent into our own network", n)
	}
}

// hook is an endpoint that nothing arrives at: its port refuses.
const hook = `{"url":"http://127.0.0.1:1025/"}`

// sameKeyOtherSecret: under the victim's key the thief makes an endpoint of its own, and never sees the victim's secret.
func sameKeyOtherSecret(t *testing.T, thief *merchant, theirs, _ owned) {
	mine := thief.send(t, "POST", "/v1/webhook-endpoints", "the-hook", hook)
	service.Wants(t, "under the victim's key", mine, 201, "")
	if mine.Field("id") == theirs.endpoint || mine.Replayed() || mine.Field("secret") == "" {
		t.Errorf("got %s, want an endpoint of its own", mine)
	}
	service.Wants(t, "taking it away", thief.send(t, "DELETE", "/v1/webhook-endpoints/"+mine.Field("id"), uuid.NewString(), ""), 200, "")
}
