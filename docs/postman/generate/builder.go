package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// flow is a folder of requests that run in order.
type flow struct {
	name, description string
	needs             string // a setting without which the flow is left out
	requests          []request
}

// members are members of a JSON object; a path such as data[0].id reaches deeper.
type members map[string]any

// request is one request of a flow, and what its answer has to be.
type request struct {
	name      string
	operation string            // of the description; empty for the page of the provider's that a customer sees
	example   string            // the body is the description's example of this name
	body      members           // instead of the members of the example, or on top of them
	path      map[string]string // values of the path's parameters
	query     map[string]string
	header    map[string]string // on top of what the operation has
	key       string            // the variable with its Idempotency-Key: new each time the request is sent
	again     bool              // the key is the one that an earlier request made
	noKey     bool              // no Idempotency-Key, although the operation has one
	wait      int               // Prefer: wait=N
	as        string            // the setting with the API key; empty is api_key
	token     string            // instead of an API key
	before    []string          // script that runs before it is sent

	status   int    // empty is the description's first 2xx
	code     string // of the problem
	replayed bool
	want     members           // of the answer
	copied   bool              // a later request is a copy and has to get the same answer; the builder knows
	keep     map[string]string // variables that get a member's value
	checks   []string          // more assertions
}

// placed is an operation and where it stands.
type placed struct {
	*openapi3.Operation

	method, path string
}

// builder makes the collection from a description, and notes what was used.
type builder struct {
	operations map[string]placed
	reached    map[string]bool
	valued     map[string]bool // variables that have a value by now, in the flow that is made
	declared   []variable
	problems   []error
}

func newBuilder(described *openapi3.T) *builder {
	b := &builder{operations: map[string]placed{}, reached: map[string]bool{}}
	for path, item := range described.Paths.Map() {
		for method, operation := range item.Operations() {
			b.operations[operation.OperationID] = placed{operation, method, path}
		}
	}
	return b
}

func (b *builder) collection(flows []flow) (collection, error) {
	c := collection{
		Info: info{
			ID: "d1f6a7a4-6a52-4c0e-8f3e-5b1f5f7f3c11", Name: "payonce", Description: about,
			Schema: "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
		},
		Auth:  bearer("{{api_key}}"),
		Event: []event{scripted("prerequest", beforeEach), scripted("test", afterEach)},
	}
	for _, f := range flows {
		c.Item = append(c.Item, b.folder(f))
	}
	for _, id := range slices.Sorted(maps.Keys(b.operations)) {
		if !b.reached[id] {
			b.problems = append(b.problems, fmt.Errorf("%s is in no flow", id))
		}
	}
	c.Variable = b.declared
	return c, errors.Join(b.problems...)
}

// folder makes a flow. It uses only variables that get their values in it, so that it runs by itself, too.
func (b *builder) folder(f flow) item {
	made := item{Name: f.name, Description: f.description}
	if f.needs != "" {
		made.Event = []event{scripted("prerequest", []string{fmt.Sprintf("if (!pm.variables.get(%q)) pm.execution.skipRequest();", f.needs)})}
	}
	b.valued = map[string]bool{}
	for _, setting := range settings().Values {
		b.valued[setting.Key] = true
	}
	copied := map[string]bool{}
	for _, r := range f.requests {
		copied[r.key] = copied[r.key] || r.replayed && r.again
	}
	for _, r := range f.requests {
		r.copied = copied[r.key] && !r.again
		inside, err := b.item(r)
		if err != nil {
			b.problems = append(b.problems, fmt.Errorf("%s: %s: %w", f.name, r.name, err))
		}
		made.Item = append(made.Item, inside)
	}
	return made
}

func (b *builder) item(r request) (item, error) {
	made := item{Name: r.name}
	if r.operation == "" {
		made.Request, made.Behavior = customersPage(r), &behavior{FollowRedirects: false}
	} else {
		o, ok := b.operations[r.operation]
		if !ok {
			return made, fmt.Errorf("%s is not described", r.operation)
		}
		if err := r.describedBy(o); err != nil {
			return made, err
		}
		call, err := r.call(o)
		if err != nil {
			return made, err
		}
		if !b.reached[r.operation] { // once is enough to read
			call.Description += "\n\n" + o.Description
		}
		made.Request, b.reached[r.operation] = call, true
	}
	if before := r.prerequest(); len(before) > 0 {
		made.Event = append(made.Event, scripted("prerequest", before))
	}
	if err := b.remember(r, made.Request); err != nil {
		return made, err
	}
	made.Event = append(made.Event, scripted("test", r.assertions()))
	return made, nil
}

// describedBy fails for an answer that the description doesn't have, and sets the status of one that goes well.
func (r *request) describedBy(o placed) error {
	if r.status == 0 {
		for _, status := range slices.Sorted(maps.Keys(o.Responses.Map())) {
			if strings.HasPrefix(status, "2") {
				r.status, _ = strconv.Atoi(status)
				return nil
			}
		}
	}
	if o.Responses.Status(r.status) == nil {
		return fmt.Errorf("%s does not answer %d", r.operation, r.status)
	}
	return nil
}

var used = regexp.MustCompile(`\{\{(\w+)\}\}`)

// remember declares the variables that a request gives values, after checking that those it uses have one.
func (b *builder) remember(r request, call *httpCall) error {
	text, err := json.Marshal([]any{call, r.want})
	if err != nil {
		return err
	}
	for _, name := range r.fresh() {
		b.declare(name)
	}
	for _, match := range used.FindAllStringSubmatch(string(text), -1) {
		if !b.valued[match[1]] {
			return fmt.Errorf("%s has no value yet", match[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.keep)) {
		b.declare(name)
	}
	if r.copied {
		b.declare(r.answerKept())
	}
	return nil
}

func (b *builder) declare(name string) {
	b.valued[name] = true
	if !slices.ContainsFunc(b.declared, func(v variable) bool { return v.Key == name }) {
		b.declared = append(b.declared, variable{Key: name, Type: "string"})
	}
}
