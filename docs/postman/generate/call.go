package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// call is the request as the description has it.
func (r *request) call(o placed) (*httpCall, error) {
	call := &httpCall{Method: o.method, Description: o.Summary, Header: []setting{}, URL: address{Host: []string{"{{base_url}}"}}}
	switch {
	case r.token != "":
		call.Auth = bearer(r.token)
	case r.as != "":
		call.Auth = bearer("{{" + r.as + "}}")
	case o.Security != nil && len(*o.Security) == 0:
		call.Auth = &auth{Type: "noauth"}
	}
	for _, segment := range strings.Split(strings.Trim(o.path, "/"), "/") {
		if name := strings.Trim(segment, "{}"); name != segment {
			segment = ":" + name
		}
		call.URL.Path = append(call.URL.Path, segment)
	}
	if err := r.parameters(o, call); err != nil {
		return nil, err
	}
	call.URL.Raw = call.URL.Host[0] + "/" + strings.Join(call.URL.Path, "/") + rawQuery(call.URL.Query)
	return call, r.fill(o, call)
}

// parameters sets those that the request has, and shows the others switched off.
func (r *request) parameters(o placed, call *httpCall) error {
	given := maps.Clone(r.header)
	if given == nil {
		given = map[string]string{}
	}
	if r.key != "" {
		given["Idempotency-Key"] = "{{" + r.key + "}}"
	}
	if r.wait > 0 {
		given["Prefer"] = "wait=" + strconv.Itoa(r.wait)
	}
	values := map[string]map[string]string{openapi3.ParameterInHeader: given, openapi3.ParameterInPath: r.path, openapi3.ParameterInQuery: r.query}
	for in, named := range values {
		for name := range named {
			if o.Parameters.GetByInAndName(in, name) == nil {
				return fmt.Errorf("%s takes no %s parameter %s", r.operation, in, name)
			}
		}
	}
	for _, ref := range o.Parameters {
		p := ref.Value
		value, ok := values[p.In][p.Name]
		leftOut := r.noKey && p.Name == "Idempotency-Key"
		if !ok && p.Required && !leftOut {
			return fmt.Errorf("the %s parameter %s is missing", p.In, p.Name)
		}
		s := setting{Key: p.Name, Value: value, Description: p.Description, Disabled: !ok}
		if !ok {
			s.Value = example(p)
		}
		switch p.In {
		case openapi3.ParameterInHeader:
			call.Header = append(call.Header, s)
		case openapi3.ParameterInPath:
			call.URL.Variable = append(call.URL.Variable, s)
		case openapi3.ParameterInQuery:
			call.URL.Query = append(call.URL.Query, s)
		}
	}
	return nil
}

func example(p *openapi3.Parameter) string {
	if p.Example == nil {
		return ""
	}
	return fmt.Sprint(p.Example)
}

func rawQuery(query []setting) string {
	var parts []string
	for _, s := range query {
		if !s.Disabled {
			parts = append(parts, s.Key+"="+s.Value)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "?" + strings.Join(parts, "&")
}

// fill sets the body: an example of the description, with members on top.
func (r *request) fill(o placed, call *httpCall) error {
	content := members{}
	if r.example != "" {
		if o.RequestBody == nil {
			return fmt.Errorf("%s has no body", r.operation)
		}
		shown := o.RequestBody.Value.Content.Get("application/json").Examples[r.example]
		if shown == nil {
			return fmt.Errorf("%s has no example %s", r.operation, r.example)
		}
		value, _ := shown.Value.Value.(map[string]any)
		maps.Copy(content, value)
	} else if r.body == nil {
		return nil
	}
	maps.Copy(content, r.body)
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	call.Header = append(call.Header, setting{Key: "Content-Type", Value: "application/json"})
	call.Body = &body{Mode: "raw", Raw: string(text), Options: &bodyLanguage{language{"json"}}}
	return nil
}

// customersPage is what a customer's browser sends from the provider's page (3-D Secure).
func customersPage(r request) *httpCall {
	var form []setting
	for _, name := range slices.Sorted(maps.Keys(r.body)) {
		form = append(form, setting{Key: name, Value: fmt.Sprint(r.body[name])})
	}
	return &httpCall{
		Method: http.MethodPost, Auth: &auth{Type: "noauth"}, Header: []setting{}, Body: &body{Mode: "urlencoded", URLEncoded: form},
		Description: "What a customer does in a browser at the address in next_action. Here it is the page of the provider's simulator.",
		URL:         address{Raw: "{{authentication_page}}", Host: []string{"{{authentication_page}}"}},
	}
}
