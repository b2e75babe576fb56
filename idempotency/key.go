package idempotency

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// maxKeyBytes bounds a decoded key. It is counted after unquoting, so that both spellings of a key share one limit.
const maxKeyBytes = 255

// Key is a client's idempotency key as the client means it: 1 to 255 bytes of printable ASCII (0x20 to 0x7E), with the
// quotes and escapes of the structured-field spelling already removed.
type Key string

// ErrKeyMissing says that a request which must carry an Idempotency-Key carries none.
var ErrKeyMissing = errors.New(`the Idempotency-Key header is missing: send 1 to 255 bytes of printable ASCII, for instance a UUID`)

// KeyError says what is wrong with an Idempotency-Key. Its text may be shown to the client: it names what is allowed and
// quotes at most one byte of what was sent, in hexadecimal.
type KeyError struct {
	Reason string
	value  bool // a key's value was read, not a header
}

func (e *KeyError) Error() string {
	if e.value {
		return "the idempotency key " + e.Reason
	}
	return "the Idempotency-Key header " + e.Reason
}

// ParseKey reads the lines of the Idempotency-Key header. Two spellings of one key are accepted: the raw value that most
// clients send (`8e03978e`), and the sf-string of draft-ietf-httpapi-idempotency-key-header (`"8e03978e"`), parsed as RFC
// 9651 section 4.2.5 says and without parameters. Optional white space around either is no part of the key.
//
// A raw value that holds a space or a comma is refused: it is what an intermediary makes of two header lines (RFC 9110
// section 5.3), and guessing would let two requests share a key by accident. A quote inside a raw value stands for
// itself, because only a leading quote opens the quoted spelling.
//
// The error is ErrKeyMissing or a *KeyError.
func ParseKey(values []string) (Key, error) {
	if len(values) == 0 {
		return "", ErrKeyMissing
	}
	if len(values) > 1 {
		return "", &KeyError{Reason: fmt.Sprintf("was sent %d times: send it once", len(values))}
	}
	value := trimOWS(values[0])
	if value == "" {
		return "", &KeyError{Reason: "is empty: 1 to 255 bytes of printable ASCII are allowed"}
	}
	if value[0] == '"' {
		return parseQuotedKey(value)
	}
	return parseRawKey(value)
}

// NewKey takes a key's value as it is: 1 to 255 bytes of printable ASCII, with spaces, commas and quotes. It is for places
// without a header's syntax, such as a path, where a quoted spelling would name another key. The error is a *KeyError.
func NewKey(value string) (Key, error) {
	if value == "" {
		return "", &KeyError{Reason: "is empty: 1 to 255 bytes of printable ASCII are allowed", value: true}
	}
	err := checkKeyLength(len(value))
	for i := 0; i < len(value) && err == nil; i++ {
		if c := value[i]; c < 0x20 || c > 0x7e {
			err = errKeyByte(c, i)
		}
	}
	if err != nil {
		err.value = true
		return "", err
	}
	return Key(value), nil
}

// Hash is SHA-256 of the key's bytes: what is stored and logged in place of the client's text.
func (k Key) Hash() [32]byte { return sha256.Sum256([]byte(k)) }

func parseRawKey(value string) (Key, error) {
	if err := checkKeyLength(len(value)); err != nil {
		return "", err
	}
	for i := range len(value) {
		switch c := value[i]; {
		case c == ' ' || c == ',':
			return "", &KeyError{Reason: fmt.Sprintf(`has a %s at position %d: a raw key holds no spaces and no commas; `+
				`quote it ("like this") when they belong to it, and send one key per request`, nameOfByte(c), i)}
		case c < 0x20 || c > 0x7e:
			return "", errKeyByte(c, i)
		}
	}
	return Key(value), nil
}

// parseQuotedKey follows RFC 9651 section 4.2.5 step by step; value starts with the opening quote.
func parseQuotedKey(value string) (Key, error) {
	escaped := false
	for i := 1; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			return finishQuotedKey(value[1:i], value[i+1:], escaped)
		case c == '\\':
			i++
			if i == len(value) || (value[i] != '"' && value[i] != '\\') {
				return "", &KeyError{Reason: fmt.Sprintf(`has a backslash at position %d that escapes neither a quote nor a backslash`, i-1)}
			}
			escaped = true
		case c < 0x20 || c > 0x7e:
			return "", errKeyByte(c, i)
		}
	}
	return "", &KeyError{Reason: `starts with a quote but does not end with one: send "key" or key`}
}

func finishQuotedKey(inner, rest string, escaped bool) (Key, error) {
	if rest != "" {
		return "", &KeyError{Reason: "has text after the closing quote: a quoted key takes no parameters, and one key per request"}
	}
	if escaped {
		inner = unescapeKey(inner)
	}
	if inner == "" {
		return "", &KeyError{Reason: "is an empty string: 1 to 255 bytes of printable ASCII are allowed"}
	}
	if err := checkKeyLength(len(inner)); err != nil {
		return "", err
	}
	return Key(inner), nil
}

// unescapeKey drops the backslash before each escaped byte; the caller has checked that every escape is complete.
func unescapeKey(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func checkKeyLength(n int) *KeyError {
	if n > maxKeyBytes {
		return &KeyError{Reason: fmt.Sprintf("is %d bytes long: at most %d bytes are allowed", n, maxKeyBytes)}
	}
	return nil
}

func errKeyByte(c byte, at int) *KeyError {
	return &KeyError{Reason: fmt.Sprintf("has the byte 0x%02x at position %d: only printable ASCII (0x20 to 0x7e) is allowed", c, at)}
}

func nameOfByte(c byte) string {
	if c == ',' {
		return "comma"
	}
	return "space"
}
