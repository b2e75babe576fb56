package browser

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/payonce/payonce/test/service"
)

func TestSwaggerUITriesTheAPIOut(t *testing.T) {
	t.Parallel()
	chromium := tools(t)
	s := service.Start(t, service.Options{})
	_, apiKey := service.Merchant(t, s.Options.DatabaseURL)
	const checks = 5
	inBrowser(t, "swagger.mjs", gateway(t, s.URL()), checks, "CHROMIUM="+chromium, "API_KEY="+apiKey)
}

// gateway shows a service as it is, and once more under the path prefix /pay, which it takes off.
func gateway(t *testing.T, to string) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.Handle("/pay/", http.StripPrefix("/pay", proxy))
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	return front.URL
}
