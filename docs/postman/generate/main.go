// Command generate writes the Postman collection and its environment: go generate ./docs/postman/generate.
//
// The collection is a set of flows, each of which tells one story of the API by requests that run in order. A flow names the
// operations of docs/openapi.json; their method, path, parameters, descriptions and bodies come from there, so that a collection
// can't say what the description doesn't. What an answer has to be is written as assertions beside each request. Nothing is written
// when a flow names what is not described, uses a variable before it has a value, or when an operation is in no flow.
package main

//go:generate go run .

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
)

func main() {
	files, err := generate()
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join("..", name), text, 0o644) //nolint:gosec // published as it is
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// generate returns the files by their names.
func generate() (map[string][]byte, error) {
	described, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		return nil, err
	}
	b := newBuilder(described)
	made, err := b.collection(flows())
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, document := range map[string]any{
		"payonce.postman_collection.json": made, "payonce.postman_environment.json": settings(),
	} {
		if files[name], err = render(document); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// render writes JSON as people read it: scripts hold < and >.
func render(document any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// settings is the environment. What a person sets stands here; what the requests remember are variables of the collection.
func settings() environment {
	return environment{
		ID: "0b9d1b0e-6f0f-4b57-9a6d-2f1c61c2a7d3", Name: "payonce", Scope: "environment",
		Values: []entry{
			{"base_url", "http://127.0.0.1:8080", "default", "Where the service or its gateway listens", true},
			{"api_key", "", "secret", "The API key that the service printed when it started", true},
			{"other_api_key", "", "secret", "Of another merchant (payonce merchant create --name Other); empty leaves the flow of two merchants out", true},
			{"webhook_url", "https://shop.example/webhooks", "default", "Where events are sent; with an address that answers 2xx they are delivered", true},
		},
	}
}
