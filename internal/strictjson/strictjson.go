// Package strictjson reads request bodies without guessing: a body that two readers could understand differently, or that
// holds something the service would ignore, is refused.
//
// What is one JSON value is defined by [idempotency.Canonical], and refused with its error: it has read the body of a request
// with a key before this package does. This package checks what the value has to be for its route. It refuses unknown members,
// names in another case, numbers in strings, fractions and exponents where an integer is expected, integers outside the
// member's range, and null where it is not the value of a struct's member. A member that is null counts as left out: many
// programs write their empty values so. In an array, in a map or as the whole body null has no meaning.
//
// Every refusal is a fault of form (400), an integer that does not fit its member included: such a number never becomes a
// value that a rule (422) could be applied to.
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/payonce/payonce/idempotency"
)

// maxDepth is how deep arrays and objects may nest, wherever they stand.
const maxDepth = 32

// maxToken bounds each name in an Error, in bytes: an answer must not echo a body.
const maxToken = 100

// The codes of an Error.
const (
	CodeUnknownMember     = "unknown_member"       // no such member; names are case-sensitive
	CodeNull              = "null_not_allowed"     // null in an array, in a map, or as the body
	CodeWrongType         = "wrong_type"           // another JSON type than expected
	CodeNotAnInteger      = "not_an_integer"       // a number with a fraction or an exponent
	CodeIntegerOutOfRange = "integer_out_of_range" // an integer that the member cannot hold
	CodeInvalidValue      = "invalid_value"        // a text that the member's own rules of form refuse
)

// Error says why a JSON value is not what was expected. Pointer, Code and Detail may be shown to the client.
type Error struct {
	Pointer string // the place, RFC 6901; "" is the whole body; names longer than 100 bytes are cut
	Code    string // one of the codes above
	Detail  string // a sentence: what was found and what is expected
	Offset  int64  // bytes before the place or a little less
}

func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return e.Pointer + ": " + e.Detail
}

// Decode reads data, usually one JSON object, into the struct that into points to. It keeps nothing of data. The error is
// an [idempotency.SyntaxError] when data is not one JSON value, else an [Error]; both are pointers. A mistake in the target's
// type panics, because no request can cause it and no client can correct it.
func Decode(data []byte, into any) error {
	if v := reflect.ValueOf(into); v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("strictjson: Decode into %T, which is not a pointer to something", into))
	}
	if err := checkShape(data, reflect.TypeOf(into)); err != nil {
		return err
	}
	err := json.Unmarshal(data, into, json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(false),
		jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false))
	if err == nil {
		return nil
	}
	return explain(data, err)
}

// checkShape finds what the library lets pass: deep nesting, and null where it isn't a member's. It reads the tokens only
// when a body can hold either of them, which bodies usually can't. The library then makes a null member its zero value,
// which is what a member that is left out has.
func checkShape(data []byte, target reflect.Type) error {
	if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) <= maxDepth && !bytes.Contains(data, []byte("null")) {
		return nil
	}
	tokens := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		token, err := tokens.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil // what follows the value is found by Unmarshal
		case err != nil, tokens.StackDepth() > maxDepth:
			return malformed(data)
		case token.Kind() == 'n' && !isMember(tokens.StackPointer(), target):
			return &Error{
				Pointer: pointer(tokens.StackPointer()), Code: CodeNull, Offset: tokens.InputOffset() - int64(len("null")),
				Detail: "null is not allowed here: leave it out",
			}
		}
	}
}

// malformed is the error of a text that is not one JSON value. The library's texts are not shown: they name its own types and
// change between versions.
func malformed(data []byte) error {
	_, err := idempotency.Canonical(nil, data, idempotency.CanonicalLimits{MaxDepth: maxDepth})
	if err == nil { // never, as long as the two readers agree; see FuzzCanonical
		err = &idempotency.SyntaxError{Reason: "the text is not exactly one JSON value in UTF-8"}
	}
	return err
}

// isMember reports whether the value at p is a member of a struct, or would be one if its name were known: what is not known
// is refused as such. A type that reads its own JSON has no members here.
func isMember(p jsontext.Pointer, t reflect.Type) bool {
	inStruct := false
	for name := range p.Tokens() {
		for t != nil && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == nil {
			return false
		}
		inStruct = t.Kind() == reflect.Struct
		switch t.Kind() {
		case reflect.Struct:
			t = memberType(t, name)
		case reflect.Slice, reflect.Array, reflect.Map:
			t = t.Elem()
		default:
			return false
		}
	}
	return inStruct
}

// memberType is the type of a struct's member; nil when there is none of the name.
func memberType(t reflect.Type, name string) reflect.Type {
	for field := range t.Fields() {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name && field.IsExported() {
			return field.Type
		}
	}
	return nil
}
