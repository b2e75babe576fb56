package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
	"github.com/payonce/payonce/internal/app"
	"github.com/payonce/payonce/models"
)

// Every route that reads, and every parameter that the description gives it: a new list is in this test by being routed.
func TestAParameterThatIsEmptyOrRepeatedIsRefusedOnEveryRoute(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	s.pay(t, "pay", order, "pm_card_visa")
	ids := map[string]string{":id": models.FormatID(models.PrefixOrder, uuid.Max), ":key": "order"}
	tried := 0
	for route, parameters := range queryParameters(t) {
		path := route
		for name, value := range ids {
			path = strings.ReplaceAll(path, name, value)
		}
		known := s.do(t, call{method: "GET", path: path + "?no_such_parameter=1"})
		if known.status != 400 || known.text(t, "code") != "malformed-request" {
			t.Errorf("%s with an unknown parameter: got %d %s, want 400", path, known.status, known.body)
		}
		for _, name := range parameters {
			if !strings.Contains(known.text(t, "detail"), name) {
				t.Errorf("%s: %s is described, but the route has not got it: %s", route, name, known.body)
			}
			for _, query := range []string{
				name + "=", name, name + "=&" + name + "=", name + "=1&" + name + "=1", name + "=1&" + name + "=", name + "=&no_such=", "&" + name + "=&", name + "=%00", name + "=%FF",
			} {
				got := s.do(t, call{method: "GET", path: path + "?" + query})
				if got.status != 400 || got.text(t, "code") != "malformed-request" || !strings.Contains(got.body, name) && !strings.Contains(got.body, "no_such") {
					t.Errorf("GET %s?%s: got %d %s; want 400 malformed-request that names the parameter", path, query, got.status, got.body)
				}
			}
			tried++
		}
		if names := strings.Count(known.text(t, "detail"), ", ") + 1; len(parameters) > 0 && names != len(parameters) {
			t.Errorf("%s: described are %v, the route says %s", route, parameters, known.text(t, "detail"))
		}
	}
	if tried < 10 {
		t.Errorf("%d parameters were tried, want at least 10", tried)
	}
}

// queryParameters are those that the description gives to each route that reads.
func queryParameters(t *testing.T) map[string][]string {
	t.Helper()
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	router, ok := routes(&app.App{}).(*gin.Engine)
	if !ok {
		t.Fatal("routes is not Gin's")
	}
	all := map[string][]string{}
	for _, route := range router.Routes() {
		if route.Method != http.MethodGet || !strings.HasPrefix(route.Path, "/v1/") {
			continue
		}
		all[route.Path] = []string{}
		item := document.Paths.Find(described(route.Path))
		if item == nil || item.Get == nil {
			t.Fatalf("%s is not described", route.Path)
		}
		for _, parameter := range slices.Concat(item.Parameters, item.Get.Parameters) {
			if parameter.Value.In == openapi3.ParameterInQuery {
				all[route.Path] = append(all[route.Path], parameter.Value.Name)
			}
		}
	}
	return all
}

func TestAFilterThatMatchesNothingShowsNothing(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	s.pay(t, "pay", order, "pm_card_visa")
	for path, want := range map[string]bool{
		"/v1/orders": true, "/v1/orders?status=paid": true, "/v1/payments?order_id=" + order: true, "/v1/payments?status=succeeded&order_id=" + order: true,
		"/v1/orders?reference=never": false, "/v1/orders?reference=%20": false, "/v1/orders?status=canceled": false, "/v1/orders?status=paid&reference=never": false,
		"/v1/payments?order_id=" + models.FormatID(models.PrefixOrder, uuid.Nil): false, // the zero value is an id like any other
		"/v1/payments?order_id=" + models.FormatID(models.PrefixOrder, uuid.Max): false, "/v1/payments?status=failed": false,
	} {
		got := s.do(t, call{method: "GET", path: path})
		data, _ := got.field(t, "data").([]any)
		if got.status != 200 || (len(data) > 0) != want {
			t.Errorf("GET %s: got %d with %d entries; want some: %t", path, got.status, len(data), want)
		}
	}
}
