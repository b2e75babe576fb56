package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/payonce/payonce/models"
)

// Encode makes the bytes of a document: the members in the order of the struct's fields, a map's sorted by the bytes of
// their names, no white space. Every document goes through it, so that the first answer, its replays, lists and events show
// the same bytes.
func Encode(document any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(document); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// metadata renders a client's own pairs sorted by name: Postgres keeps them in an order of its own. NULL is the empty object.
func metadata(j models.JSON) json.RawMessage {
	if len(j) <= len("{}") {
		return json.RawMessage("{}")
	}
	return canonical(json.RawMessage(j), reflect.TypeFor[map[string]string]())
}

// snapshot renders the document that an event holds as [Encode] wrote it, before Postgres sorted its members. Members that
// this release doesn't know, written by a newer one, follow in the order of their names; what an older one left out is not
// invented.
func snapshot(resourceType string, j models.JSON) json.RawMessage {
	return canonical(json.RawMessage(j), types[resourceType].form)
}

// canonical writes a JSON text like Encode would write a value of type t. What is not JSON stays as it is.
func canonical(raw json.RawMessage, t reflect.Type) json.RawMessage {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var object map[string]json.RawMessage
	var array []json.RawMessage
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &object) == nil:
		return canonicalObject(object, t)
	case len(raw) > 0 && raw[0] == '[' && json.Unmarshal(raw, &array) == nil:
		for i := range array {
			array[i] = canonical(array[i], elementOf(t))
		}
		return encoded(array, raw)
	}
	var text string
	if json.Unmarshal(raw, &text) == nil && raw[0] == '"' {
		return encoded(text, raw)
	}
	return raw
}

func canonicalObject(object map[string]json.RawMessage, t reflect.Type) json.RawMessage {
	b := []byte{'{'}
	add := func(name string, t reflect.Type) {
		value, ok := object[name]
		if !ok {
			return
		}
		delete(object, name)
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, encoded(name, nil)...), ':')
		b = append(b, canonical(value, t)...)
	}
	if t != nil && t.Kind() == reflect.Struct {
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			add(name, field.Type)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		add(name, nil)
	}
	return append(b, '}')
}

func elementOf(t reflect.Type) reflect.Type {
	if t != nil && t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return nil
}

// encoded is value as Encode writes it, or otherwise where it can't be written.
func encoded(value any, otherwise json.RawMessage) json.RawMessage {
	text, err := Encode(value)
	if err != nil {
		return otherwise
	}
	return text
}
