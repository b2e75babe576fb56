package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// explain turns the library's error into ours. Only the library's types and sentinels are looked at, never its texts: they
// name Go types and change between versions.
func explain(data []byte, err error) error {
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return malformed(data)
	}
	e := &Error{Pointer: pointer(semantic.JSONPointer), Offset: semantic.ByteOffset}
	switch {
	case errors.Is(semantic.Err, json.ErrUnknownName):
		e.Code = CodeUnknownMember
		e.Detail = fmt.Sprintf("there is no member %s here (names are case-sensitive)", strconv.Quote(shorten(semantic.JSONPointer.LastToken())))
	case semantic.JSONKind == '0' && isInteger(semantic.GoType) && bytes.ContainsAny(semantic.JSONValue, ".eE"):
		e.Code, e.Detail = CodeNotAnInteger, "an integer is expected, written without a fraction and without an exponent"
	case errors.Is(semantic.Err, strconv.ErrRange), semantic.JSONKind == '0' && isInteger(semantic.GoType):
		e.Code, e.Detail = CodeIntegerOutOfRange, outOfRange(semantic.GoType)
	case semantic.JSONKind == '"' && semantic.Err != nil:
		e.Code, e.Detail = CodeInvalidValue, "the text is not "+expected(semantic.GoType)
	default:
		e.Code = CodeWrongType
		e.Detail = fmt.Sprintf("%s stands where %s is expected", found(semantic.JSONKind), expected(semantic.GoType))
	}
	return e
}

// found names the JSON type of what stands in the body.
func found(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{', '}':
		return "an object"
	case '[', ']':
		return "an array"
	}
	return "something else"
}

// expected names, in JSON's terms, what a target takes.
func expected(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil:
		return "another value"
	case t == reflect.TypeFor[time.Time]():
		return "a time as RFC 3339 writes it"
	case isInteger(t):
		return "an integer"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "an array"
	}
	return "another value"
}

func isInteger(t reflect.Type) bool {
	if t == nil {
		return false
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

func outOfRange(t reflect.Type) string {
	if t == nil || !isInteger(t) {
		return "the number is too large"
	}
	bits := t.Bits()
	if t.Kind() >= reflect.Uint {
		return fmt.Sprintf("the integer is out of range: 0 to %d is allowed", ^uint64(0)>>(64-bits))
	}
	largest := int64(^uint64(0) >> (65 - bits))
	return fmt.Sprintf("the integer is out of range: %d to %d is allowed", -largest-1, largest)
}

// pointer is p with its tokens cut to maxToken bytes.
func pointer(p jsontext.Pointer) string {
	if len(p) <= maxToken {
		return string(p)
	}
	var b strings.Builder
	for token := range p.Tokens() {
		b.WriteString(string(jsontext.Pointer("").AppendToken(shorten(token))))
	}
	return b.String()
}

func shorten(token string) string {
	if len(token) <= maxToken {
		return token
	}
	return strings.ToValidUTF8(token[:maxToken], "") + "…"
}
