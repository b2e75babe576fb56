package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
)

func TestCollectionIsFresh(t *testing.T) {
	t.Parallel()
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, fresh := range files {
		if committed, err := os.ReadFile(filepath.Join("..", name)); err != nil || !bytes.Equal(fresh, committed) {
			t.Errorf("docs/postman/%s is not what the flows say: run make generate (%v)", name, err)
		}
	}
}

func TestCollectionSaysOnlyWhatIsDescribed(t *testing.T) {
	t.Parallel()
	described, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]request{
		"payTwice is not described":              {operation: "payTwice"},
		"getOrder does not answer 418":           {operation: "getOrder", path: of("api_key"), status: 418},
		"createOrder has no example nothing":     {operation: "createOrder", key: "order_key", example: "nothing"},
		"getOrder has no body":                   {operation: "getOrder", path: of("api_key"), example: "amount"},
		"the path parameter id is missing":       {operation: "getOrder"},
		"parameter Idempotency-Key is missing":   {operation: "createOrder", example: "amount"},
		"order_id has no value yet":              {operation: "getOrder", path: of("order_id")},
		"getOrder takes no query parameter size": {operation: "getOrder", path: of("api_key"), query: map[string]string{"size": "1"}},
		"listOrders is in no flow":               {operation: "getOrder", path: of("api_key")},
	} {
		_, err := newBuilder(described).collection([]flow{{requests: []request{r}}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
