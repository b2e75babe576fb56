// Package strictjson reads request bodies without guessing: a body that two readers could understand differently, or
// that says something the service would not hear, is refused instead of being half understood.
//
// Refused are unknown members, duplicate members, names in another case, text after the value, text that is not UTF-8,
// numbers in strings, fractions and exponents where an integer is expected, integers outside the member's range, and
// null. Null is refused everywhere, also for optional members: leaving a member out is the one way to say nothing.
//
// Every refusal is a fault of form (400), an integer that does not fit its member included: such a number never becomes
// a value that a rule (422) could judge.
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep arrays and objects may nest, wherever they stand.
const maxDepth = 32

// maxToken bounds each name in an Error, in bytes: an answer must not echo a body.
const maxToken = 100

// The codes of an Error.
const (
	CodeSyntax            = "syntax"               // not one JSON value in UTF-8
	CodeTooDeep           = "too_deep"             // nested deeper than 32 levels
	CodeDuplicateMember   = "duplicate_member"     // a second member of one name
	CodeUnknownMember     = "unknown_member"       // no such member; names are case-sensitive
	CodeNull              = "null_not_allowed"     // null instead of a value or nothing
	CodeWrongType         = "wrong_type"           // another JSON type than expected
	CodeNotAnInteger      = "not_an_integer"       // a number with a fraction or an exponent
	CodeIntegerOutOfRange = "integer_out_of_range" // an integer that the member cannot hold
	CodeInvalidValue      = "invalid_value"        // a text that the member's own rules of form refuse
)

// Error says what is wrong with a body. Pointer, Code and Detail may be shown to the client.
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

// Decode reads data, one JSON object as a rule, into the struct that into points to. It keeps nothing of data. The error
// is an *Error; a mistake in the target's type panics, because no request can cause it and no client can mend it.
func Decode(data []byte, into any) error {
	if v := reflect.ValueOf(into); v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("strictjson: Decode into %T, which is not a pointer to something", into))
	}
	if len(bytes.TrimLeft(data, " \t\r\n")) == 0 {
		return &Error{Code: CodeSyntax, Detail: "the body is empty: a JSON object is expected"}
	}
	if err := checkShape(data); err != nil {
		return err
	}
	err := json.Unmarshal(data, into, json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(false),
		jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false))
	if err == nil {
		return nil
	}
	return explain(err)
}

// checkShape finds what the library lets pass: deep nesting and null. It reads the tokens only when a body can hold
// either of them, which bodies as a rule can't.
func checkShape(data []byte) error {
	if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) <= maxDepth && !bytes.Contains(data, []byte("null")) {
		return nil
	}
	tokens := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		token, err := tokens.ReadToken()
		if err != nil {
			if _, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
				return explain(err)
			}
			return nil // the end of data; what follows the value is found by Unmarshal
		}
		switch {
		case tokens.StackDepth() > maxDepth:
			return &Error{
				Pointer: pointer(tokens.StackPointer()), Code: CodeTooDeep, Offset: tokens.InputOffset(),
				Detail: "arrays and objects are nested deeper than " + strconv.Itoa(maxDepth) + " levels",
			}
		case token.Kind() == 'n':
			return &Error{
				Pointer: pointer(tokens.StackPointer()), Code: CodeNull, Offset: tokens.InputOffset() - int64(len("null")),
				Detail: "null is not allowed: leave the member out instead",
			}
		}
	}
}
