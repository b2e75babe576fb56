// Package jsonjudge understands JSON without payonce's own parsers: encoding/json for the structure, math/big for the
// numbers. Fuzz tests compare with it what a text means, and whether two texts mean the same.
package jsonjudge

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// Text is what a JSON text holds. Its facts are those on which two readers could differ.
type Text struct {
	Value         any      // of nil, bool, string, json.Number, []any and map[string]any
	Depth         int      // how deep arrays and objects nest
	Null          bool     // null stands somewhere
	Duplicate     bool     // an object has two members of one name
	LoneSurrogate bool     // an escape is half of a surrogate pair
	Numbers       []Number // every number, in order
}

// Read reads a text. ok is false unless it is exactly one JSON value (RFC 8259) in UTF-8.
func Read(text []byte) (read Text, ok bool) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return Text{}, false
	}
	r := reader{decoder: json.NewDecoder(bytes.NewReader(text))}
	r.decoder.UseNumber()
	value, err := r.value(1)
	if err != nil {
		return Text{}, false
	}
	r.text.Value, r.text.LoneSurrogate = value, loneSurrogate(text)
	return r.text, true
}

type reader struct {
	decoder *json.Decoder
	text    Text
}

// value reads one value; depth is how deep it nests if it is an array or an object.
func (r *reader) value(depth int) (any, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		r.text.Depth = max(r.text.Depth, depth)
		if token == '[' {
			return r.array(depth)
		}
		return r.object(depth)
	case json.Number:
		r.text.Numbers = append(r.text.Numbers, ParseNumber(string(token)))
	case nil:
		r.text.Null = true
	}
	return token, nil
}

func (r *reader) array(depth int) (any, error) {
	array := []any{}
	for r.decoder.More() {
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := r.decoder.Token() // the end
	return array, err
}

func (r *reader) object(depth int) (any, error) {
	object := map[string]any{}
	for r.decoder.More() {
		token, err := r.decoder.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("a name is no string")
		}
		if _, there := object[name]; there {
			r.text.Duplicate = true
		}
		if object[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := r.decoder.Token() // the end
	return object, err
}

// loneSurrogate looks at the escapes of a valid text, which encoding/json replaces silently.
func loneSurrogate(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++ // the escaped character; a valid text has one
		unit := unit(text[i:])
		if unit < 0xd800 || unit > 0xdfff {
			continue
		}
		if i+5 >= len(text) || text[i+5] != '\\' {
			return true
		}
		if low := loneUnit(text, i+6); unit > 0xdbff || low < 0xdc00 || low > 0xdfff {
			return true
		}
		i += 10 // to the last digit of the pair's second half
	}
	return false
}

func loneUnit(text []byte, at int) int64 {
	if at >= len(text) {
		return -1
	}
	return unit(text[at:])
}

// unit is the code unit of an escape, from its u on; -1 for another escape.
func unit(text []byte) int64 {
	if len(text) < 5 || text[0] != 'u' {
		return -1
	}
	n, err := strconv.ParseInt(string(text[1:5]), 16, 32)
	if err != nil {
		return -1
	}
	return n
}

// Equal says whether two values are the same: members in any order, numbers by their exact value.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && ParseNumber(string(a)).Equal(ParseNumber(string(b)))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			other, there := b[name]
			if !there || !Equal(value, other) {
				return false
			}
		}
		return true
	default: // string, bool, nil
		return a == b
	}
}
