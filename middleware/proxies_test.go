package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/middleware"
)

const (
	itsName = "req_0123456789ABCDEF"
	ours    = `^req_[A-Z2-7]{26}$`
)

// asked is what the service takes for the client's address and the request's name.
func asked(t *testing.T, trusted middleware.Proxies, remote string, header http.Header) (client, requestID string) {
	t.Helper()
	gin.SetMode(gin.TestMode)
	engine := gin.New()
	if err := trusted.Trust(engine); err != nil {
		t.Fatal(err)
	}
	engine.Use(middleware.RequestID(trusted), middleware.OneForwardedFor())
	engine.GET("/", func(c *gin.Context) { client, requestID = c.ClientIP(), middleware.RequestIDOf(c) })
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.RemoteAddr, req.Header = remote, header
	recorder := httptest.NewRecorder()
	engine.ServeHTTP(recorder, req)
	if got := recorder.Header().Get("X-Request-Id"); got != requestID {
		t.Errorf("the answer names the request %s, and the service %s", got, requestID)
	}
	return client, requestID
}

func TestOnlyATrustedProxyIsBelieved(t *testing.T) {
	t.Parallel()
	one := middleware.Proxies{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00::1/128")}
	for name, c := range map[string]struct {
		trusted middleware.Proxies
		remote  string
		lines   []string // of X-Forwarded-For
		client  string
		named   bool // by the proxy
	}{
		"none is trusted":                 {nil, "10.0.0.7:1", []string{"203.0.113.1"}, "10.0.0.7", false},
		"another address":                 {one, "10.0.1.7:1", []string{"203.0.113.1"}, "10.0.1.7", false},
		"the proxy":                       {one, "10.0.0.7:1", []string{"203.0.113.1"}, "203.0.113.1", true},
		"the proxy, by IPv6":              {one, "[fd00::1]:1", []string{"2001:db8::5"}, "2001:db8::5", true},
		"the proxy, by IPv4 in IPv6":      {one, "[::ffff:10.0.0.7]:1", []string{"203.0.113.1"}, "203.0.113.1", true},
		"the last address is the proxy's": {one, "10.0.0.7:1", []string{"192.0.2.9, 203.0.113.1"}, "203.0.113.1", true},
		"behind two of ours":              {one, "10.0.0.7:1", []string{"192.0.2.9, 203.0.113.1, 10.0.0.8"}, "203.0.113.1", true},
		"a line that was added":           {one, "10.0.0.7:1", []string{"192.0.2.9", "203.0.113.1"}, "203.0.113.1", true},
		"nonsense":                        {one, "10.0.0.7:1", []string{"unknown"}, "10.0.0.7", true},
		"nothing":                         {one, "10.0.0.7:1", nil, "10.0.0.7", true},
	} {
		header := http.Header{"X-Request-Id": {itsName}, "X-Real-Ip": {"192.0.2.1"}, "Forwarded": {"for=192.0.2.1"}}
		if c.lines != nil {
			header["X-Forwarded-For"] = c.lines
		}
		client, requestID := asked(t, c.trusted, c.remote, header)
		if client != c.client || (requestID == itsName) != c.named {
			t.Errorf("%s: got the client %s and the name %s, want %s, named by the proxy %t", name, client, requestID, c.client, c.named)
		}
	}
}

func TestARequestIDThatIsNoneIsNotTakenOver(t *testing.T) {
	t.Parallel()
	trusted := middleware.Proxies{netip.MustParsePrefix("10.0.0.7/32")}
	for _, values := range [][]string{
		{itsName, itsName},
		{""},
		{"req_"},
		{"req_short"},
		{"REQ_0123456789ABCDEF"},
		{"0123456789ABCDEF01"},
		{"req_0123456789ABCDE\n"},
		{`req_0123456789ABCDE"`},
		{"req_0123456789ABCDEÄ"},
		{"req_01234567890123456789012345678901234567890123456789012345678901234"},
	} {
		_, requestID := asked(t, trusted, "10.0.0.7:1", http.Header{"X-Request-Id": values})
		if !regexp.MustCompile(ours).MatchString(requestID) {
			t.Errorf("%q: got %s, want a name of ours", values, requestID)
		}
	}
}
