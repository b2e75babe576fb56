package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAnOperatorsListenerAnswersNoPageOfAnotherSite(t *testing.T) {
	t.Parallel()
	admin := byOperators("ops.payonce.example:9091", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, test := range []struct {
		name, method, path, host string
		header, value            string
		want                     int
	}{
		{"a name that points here", "GET", "/simulator/charges", "attacker.example", "", "", 403},
		{"one with a port", "GET", "/debug/pprof/", "attacker.example:9091", "", "", 403},
		{"one that looks like an address", "GET", "/simulator/charges", "127.0.0.1.attacker.example:9091", "", "", 403},
		{"a scraper by a name of its network", "GET", "/metrics", "payonce-1.network.example:9091", "", "", 204},
		{"an address", "GET", "/simulator/charges", "127.0.0.1:9091", "", "", 204},
		{"an address without a port", "GET", "/simulator/charges", "10.0.0.7", "", "", 204},
		{"over IPv6", "GET", "/debug/pprof/", "[::1]:9091", "", "", 204},
		{"this machine", "GET", "/debug/pprof/", "localhost:9091", "", "", 204},
		{"a container", "GET", "/debug/pprof/", "payonce:9091", "", "", 204},
		{"its own host", "GET", "/debug/pprof/", "ops.payonce.example:9091", "", "", 204},
		{"another site's page", "POST", "/simulator/faults", "localhost:9091", "Sec-Fetch-Site", "cross-site", 403},
		{"an older browser's", "POST", "/simulator/faults", "localhost:9091", "Origin", "https://attacker.example", 403},
		{"another site's picture", "GET", "/debug/pprof/profile", "localhost:9091", "Sec-Fetch-Site", "cross-site", 403},
		{"a scraper's page", "GET", "/metrics", "localhost:9091", "Sec-Fetch-Site", "cross-site", 204},
		{"its own host, in capitals", "GET", "/debug/pprof/", "Ops.Payonce.Example:9091", "", "", 204},
		{"this machine's full name", "GET", "/debug/pprof/", "localhost.:9091", "", "", 204},
		{"a page without an origin", "DELETE", "/simulator/faults", "localhost:9091", "Origin", "null", 403},
		{"a program", "POST", "/simulator/faults", "localhost:9091", "", "", 204},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, http.NoBody)
		r.Host = test.host
		if test.header != "" {
			r.Header.Set(test.header, test.value)
		}
		w := httptest.NewRecorder()
		if admin.ServeHTTP(w, r); w.Code != test.want {
			t.Errorf("%s: %s %s at %s: got %d %s, want %d", test.name, test.method, test.path, test.host, w.Code, w.Body, test.want)
		}
	}
}
