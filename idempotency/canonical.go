package idempotency

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// defaultMaxDepth is how deep arrays and objects may nest when CanonicalLimits does not say.
const defaultMaxDepth = 32

// maxPointerToken bounds each token of SyntaxError.Pointer, in bytes: an error must not echo a body.
const maxPointerToken = 100

// CanonicalLimits bounds what Canonical accepts. The length of the input is the caller's to bound.
type CanonicalLimits struct {
	MaxDepth int // how deep arrays and objects may nest; 0 means 32
}

// SyntaxError says why a text is not the one JSON value that Canonical takes. Its text may be shown to the client.
type SyntaxError struct {
	Offset    int    // bytes before the place
	Pointer   string // the value around the place, RFC 6901; names longer than 100 bytes are cut and end in an ellipsis
	Reason    string // what was found and what is expected
	Duplicate bool   // the reason is a second member of one name
}

func (e *SyntaxError) Error() string {
	if e.Pointer == "" {
		return fmt.Sprintf("%s (at byte %d)", e.Reason, e.Offset)
	}
	return fmt.Sprintf("%s (at byte %d, in %s)", e.Reason, e.Offset, e.Pointer)
}

// Canonical appends the canonical form of the JSON text to dst, so that two texts get the same bytes exactly when they
// are the same value: members sorted by the bytes of their decoded names, no white space, strings escaped only where RFC
// 8259 section 7 demands it, numbers as exact decimals (1, 1.0 and 10e-1 are one number, -0 is 0; no binary floats, so
// that amounts differ when their digits do). The form is valid JSON and its own canonical form. It differs from RFC 8785
// in numbers, which are IEEE doubles there, and in sorting by UTF-8 bytes instead of UTF-16 units.
//
// The grammar is RFC 8259 exactly, and what it leaves open is refused, because two readers could understand it
// differently: duplicate members, byte order marks, text that is not UTF-8, lone surrogates. Strings are not normalized.
//
// The error is a *SyntaxError. dst is then returned as it was.
func Canonical(dst, json []byte, limits CanonicalLimits) ([]byte, error) {
	s := scanner{in: json, out: dst, depthLeft: cmp.Or(limits.MaxDepth, defaultMaxDepth)}
	s.members = make([]member, 0, 16) // enough for most bodies: the one allocation
	if err := s.document(); err != nil {
		return dst, err
	}
	return s.out, nil
}

// member is one member of an object that is being read, as offsets: its name in the input, and in the output its
// encoded name (without quotes) and the end of its value.
type member struct{ source, name, nameEnd, end int }

// scanner is one pass over in. Nested objects share the stack of members, as nested values share out.
type scanner struct {
	in        []byte
	pos       int
	out       []byte
	members   []member
	depthLeft int
}

func (s *scanner) document() *SyntaxError {
	if bytes.HasPrefix(s.in, []byte("\xef\xbb\xbf")) {
		return s.fail("the text starts with a byte order mark, which JSON does not allow")
	}
	s.skipSpace()
	if s.pos == len(s.in) {
		return s.fail("the text is empty: one JSON value is expected")
	}
	if err := s.value(); err != nil {
		return err
	}
	s.skipSpace()
	if s.pos < len(s.in) {
		return s.fail("text follows the JSON value: exactly one value is expected")
	}
	return nil
}

func (s *scanner) value() *SyntaxError {
	if s.pos == len(s.in) {
		return s.fail("the text ends where a value is expected")
	}
	switch c := s.in[s.pos]; c {
	case '{', '[':
		return s.nested(c)
	case '"':
		return s.string()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return s.number()
		}
		return s.unexpected("a value")
	}
}

func (s *scanner) nested(open byte) (err *SyntaxError) {
	if s.depthLeft == 0 {
		return s.fail("arrays and objects are nested too deeply")
	}
	s.depthLeft--
	s.pos++
	if open == '{' {
		err = s.object()
	} else {
		err = s.array()
	}
	s.depthLeft++
	return err
}

func (s *scanner) literal(word string) *SyntaxError {
	if !bytes.HasPrefix(s.in[s.pos:], []byte(word)) {
		return s.fail("a word is not true, false or null")
	}
	s.pos += len(word)
	s.out = append(s.out, word...)
	return nil
}

func (s *scanner) array() *SyntaxError {
	s.out = append(s.out, '[')
	s.skipSpace()
	if s.accept(']') {
		s.out = append(s.out, ']')
		return nil
	}
	for index := 0; ; index++ {
		s.skipSpace()
		if err := s.value(); err != nil {
			return err.within(strconv.Itoa(index))
		}
		s.skipSpace()
		switch {
		case s.accept(','):
			s.out = append(s.out, ',')
		case s.accept(']'):
			s.out = append(s.out, ']')
			return nil
		default:
			return s.unexpected("a comma or the array's end")
		}
	}
}

func (s *scanner) object() *SyntaxError {
	first := len(s.members)
	s.out = append(s.out, '{')
	s.skipSpace()
	if s.accept('}') {
		s.out = append(s.out, '}')
		return nil
	}
	for {
		s.skipSpace()
		if err := s.member(); err != nil {
			return err
		}
		s.skipSpace()
		switch {
		case s.accept(','):
			s.out = append(s.out, ',')
		case s.accept('}'):
			err := s.sortMembers(s.members[first:])
			s.members = s.members[:first]
			s.out = append(s.out, '}')
			return err
		default:
			return s.unexpected("a comma or the object's end")
		}
	}
}

func (s *scanner) member() *SyntaxError {
	m := member{source: s.pos, name: len(s.out) + 1}
	if s.pos == len(s.in) || s.in[s.pos] != '"' {
		return s.unexpected("a member's name in double quotes")
	}
	if err := s.string(); err != nil {
		return err
	}
	m.nameEnd = len(s.out) - 1
	s.skipSpace()
	if !s.accept(':') {
		return s.unexpected("a colon after the member's name")
	}
	s.out = append(s.out, ':')
	s.skipSpace()
	if err := s.value(); err != nil {
		return err.within(decodeName(s.out[m.name:m.nameEnd]))
	}
	m.end = len(s.out)
	s.members = append(s.members, m)
	return nil
}

// sortMembers brings the members at the end of out into order and refuses two of one name. Clients that write them in
// order, as generated ones do, pay for the comparison only.
func (s *scanner) sortMembers(members []member) *SyntaxError {
	byName := func(a, b member) int {
		return compareNames(s.out[a.name:a.nameEnd], s.out[b.name:b.nameEnd])
	}
	sorted := true
	for i := 1; i < len(members) && sorted; i++ {
		sorted = byName(members[i-1], members[i]) < 0
	}
	if sorted {
		return nil
	}
	start := members[0].name - 1
	slices.SortStableFunc(members, byName)
	tail := len(s.out)
	for i, m := range members {
		if i > 0 {
			if byName(members[i-1], m) == 0 {
				return s.duplicate(m)
			}
			s.out = append(s.out, ',')
		}
		s.out = append(s.out, s.out[m.name-1:m.end]...)
	}
	copy(s.out[start:tail], s.out[tail:]) // both have the same length: the same members and as many commas
	s.out = s.out[:tail]
	return nil
}

func (s *scanner) duplicate(m member) *SyntaxError {
	err := &SyntaxError{Offset: m.source, Duplicate: true, Reason: "a second member has a name that the object already has"}
	return err.within(decodeName(s.out[m.name:m.nameEnd]))
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) accept(c byte) bool {
	if s.pos < len(s.in) && s.in[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) fail(reason string) *SyntaxError {
	return &SyntaxError{Offset: s.pos, Reason: reason}
}

func (s *scanner) unexpected(expected string) *SyntaxError {
	if s.pos == len(s.in) {
		return s.fail("the text ends where " + expected + " is expected")
	}
	return s.fail(fmt.Sprintf("%q stands where %s is expected", s.in[s.pos], expected))
}

// within puts the error one level further down: the pointer is made on the way out, so that only errors pay for it.
func (e *SyntaxError) within(token string) *SyntaxError {
	if len(token) > maxPointerToken {
		token = strings.ToValidUTF8(token[:maxPointerToken], "") + "…"
	}
	token = strings.NewReplacer("~", "~0", "/", "~1").Replace(token) // RFC 6901 section 3
	e.Pointer = "/" + token + e.Pointer
	return e
}
