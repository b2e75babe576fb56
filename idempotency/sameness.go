package idempotency

import (
	"encoding/binary"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// What is one request, and what is two, is decided in this file and in Canonical, and nowhere else:
//
//	part         one request                                        two requests
//	method                                                          any other method
//	path         %5F and _, %7e and ~: an unreserved character      everything else: case, a slash more, %2F and /
//	             written as an escape (RFC 3986, section 6.2.2.2);
//	             %c3 and %C3 (section 6.2.2.1)
//	query        any escapes of the same text, + and %20; names in  another order of one name's values; a parameter
//	             any order; a and a=; an empty part (a=1&&b=2)      more, empty ones too
//	media type   case, white space, parameters: a JSON body's       another type
//	             charset can only be UTF-8
//	body, JSON   member order, white space, escapes in strings, an  another value; null and an absent member; 1 and
//	             empty object and no body                           "1"; [] and no body
//	body, other  the same bytes                                     any other byte

// spelling is the part of a request that may be written in several ways.
type spelling struct {
	path      string // percent-encoded
	mediaType string // in lower case, without parameters
	body      []byte
}

func asSent(s spelling) spelling { return s }

// oneSpelling keeps what is usually sent as it is, so that fingerprints of usual requests, and the ids that are derived from
// them, are those that releases before it made.
func oneSpelling(s spelling) spelling {
	s.path = plainUnreserved(s.path)
	if len(s.body) == 0 || s.mediaType == "application/json" && string(s.body) == "{}" {
		s.mediaType, s.body = "", nil
	}
	return s
}

// plainUnreserved writes unreserved characters (RFC 3986, section 2.3) as themselves, and all other escapes in upper case.
func plainUnreserved(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	b.Grow(len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
			b.WriteByte(path[i])
			continue
		}
		c := hexValue(path[i+1])<<4 | hexValue(path[i+2])
		if isUnreserved(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(strings.ToUpper(path[i : i+3]))
		}
		i += 2
	}
	return b.String()
}

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func isHex(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// hexValue of a hexadecimal digit.
func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// bareMediaType is the type/subtype of a Content-Type, in lower case (RFC 9110 section 8.3.1).
func bareMediaType(contentType string) string {
	bare, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(trimOWS(bare))
}

type queryParameter struct{ name, value string }

// appendSortedQuery sorts the parameters by name; several values of one name keep their order, because a handler may take
// the first of them.
func appendSortedQuery(b []byte, raw string) ([]byte, error) {
	if raw == "" {
		return binary.BigEndian.AppendUint64(b, 0), nil
	}
	parameters, err := parseQuery(raw)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(parameters, func(p, q queryParameter) int { return strings.Compare(p.name, q.name) })
	b = binary.BigEndian.AppendUint64(b, uint64(len(parameters)))
	for _, p := range parameters {
		b = appendPrefixed(b, p.name)
		b = appendPrefixed(b, p.value)
	}
	return b, nil
}

// parseQuery reads application/x-www-form-urlencoded (WHATWG URL section 5.1), but refuses what url.ParseQuery drops or
// lets pass: a bad escape, a semicolon (which some servers take for a separator), and text that is not UTF-8.
func parseQuery(raw string) ([]queryParameter, error) {
	parameters := make([]queryParameter, 0, strings.Count(raw, "&")+1)
	for piece := range strings.SplitSeq(raw, "&") {
		if piece == "" {
			continue
		}
		if strings.Contains(piece, ";") {
			return nil, &QueryError{"holds a semicolon: separate parameters with & and write a literal semicolon as %3B"}
		}
		rawName, rawValue, _ := strings.Cut(piece, "=")
		name, errName := url.QueryUnescape(rawName)
		value, errValue := url.QueryUnescape(rawValue)
		if errName != nil || errValue != nil {
			return nil, &QueryError{"has a percent sign that is not followed by two hexadecimal digits"}
		}
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, &QueryError{"is not valid UTF-8 once decoded"}
		}
		parameters = append(parameters, queryParameter{name, value})
	}
	return parameters, nil
}
