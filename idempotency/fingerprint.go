package idempotency

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// fingerprintVersion is the first byte of every fingerprint. It grows when the computation changes, so that records
// written before are recognised instead of being taken for another request.
const fingerprintVersion = 1

// Domain tags keep the hashes of this file apart: equal inputs under different tags never give equal outputs.
const (
	fingerprintTag = "payonce/fingerprint/v1"
	providerKeyTag = "payonce/provider-key/v1"
	uuidTag        = "payonce/uuid/v1"
)

// Fingerprint tells two requests under one key apart: the version byte, then SHA-256 over everything that decides what a
// request asks for. It holds no text of the request and may be stored and logged.
type Fingerprint [33]byte

// QueryError says that a request's query string is not well formed. Its text may be shown to the client.
type QueryError struct{ Reason string }

func (e *QueryError) Error() string { return "the query string " + e.Reason }

// NewFingerprint hashes a request's method, concrete path (not the route's pattern: the ids in it are part of the
// request), query, media type and body. Each part is length-prefixed, so that no two requests share an encoding.
//
// canonicalBody is what Canonical made of a JSON body. Other bodies go in as the raw bytes that were sent, which is
// stricter, never laxer; no body is nil. The media type counts in lower case and without its parameters, because the
// charset of a JSON body can only be UTF-8. Parameters of the query are sorted by name; several values of one name keep
// their order, because a handler may take the first of them.
//
// The error is a *QueryError.
func NewFingerprint(method, path, rawQuery, mediaType string, canonicalBody []byte) (Fingerprint, error) {
	var space [512]byte // most requests fit, and then nothing is allocated
	b := append(space[:0], fingerprintTag...)
	b = appendPrefixed(b, method)
	b = appendPrefixed(b, path)
	b, err := appendSortedQuery(b, rawQuery)
	if err != nil {
		return Fingerprint{}, err
	}
	b = appendPrefixed(b, bareMediaType(mediaType))
	b = appendPrefixed(b, canonicalBody)
	var fp Fingerprint
	fp[0] = fingerprintVersion
	sum := sha256.Sum256(b)
	copy(fp[1:], sum[:])
	return fp, nil
}

// ProviderKey is the idempotency key under which the payment provider is asked: a pure function of the request's
// identity, so that whoever drives the operation to its end asks under the same key. It holds no secret, because it has
// to survive the rotation of secrets. 43 characters of base64url (RFC 4648 section 5, no padding).
func ProviderKey(merchant [16]byte, key Key, operation string, fp Fingerprint) string {
	sum := hashIdentity(providerKeyTag, "", merchant, key, operation, fp)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// DeriveUUID is the id of the row that a request makes: a UUIDv8 (RFC 9562 section 5.8) whose 122 free bits come from
// SHA-256 over the request's identity. A second execution of the request therefore collides with the first instead of
// standing beside it. domain names the kind of row, so that one request may make several.
func DeriveUUID(domain string, merchant [16]byte, key Key, operation string, fp Fingerprint) [16]byte {
	sum := hashIdentity(uuidTag, domain, merchant, key, operation, fp)
	id := [16]byte(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80 // variant 10, RFC 9562 section 4.1
	return id
}

func hashIdentity(tag, domain string, merchant [16]byte, key Key, operation string, fp Fingerprint) [32]byte {
	var space [512]byte
	b := append(space[:0], tag...)
	if domain != "" {
		b = appendPrefixed(b, domain)
	}
	b = appendPrefixed(b, merchant[:])
	b = appendPrefixed(b, string(key))
	b = appendPrefixed(b, operation)
	b = appendPrefixed(b, fp[:])
	return sha256.Sum256(b)
}

// appendPrefixed appends the length of s as 8 bytes, most significant first, and then s.
func appendPrefixed[T string | []byte](b []byte, s T) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}

// bareMediaType is the type/subtype of a Content-Type, in lower case (RFC 9110 section 8.3.1).
func bareMediaType(contentType string) string {
	bare, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(trimOWS(bare))
}

type queryParameter struct{ name, value string }

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
