package idempotency

import (
	"crypto/sha256"
	"encoding/binary"
)

// Domain tags keep the hashes of this package apart: equal inputs under different tags never give equal outputs.
const (
	fingerprintTag = "payonce/fingerprint/v1" // one per computation: see computations
	providerKeyTag = "payonce/provider-key/v1"
	uuidTag        = "payonce/uuid/v1"
)

// Fingerprint distinguishes two requests under one key: the version byte, then SHA-256 over everything that decides what a
// request asks for. It holds no text of the request and may be stored and logged.
type Fingerprint [33]byte

// QueryError says that a request's query string is not well formed. Its text may be shown to the client.
type QueryError struct{ Reason string }

func (e *QueryError) Error() string { return "the query string " + e.Reason }

// NewFingerprint hashes a request's method, concrete path (not the route's pattern: the ids in it are part of the
// request), query, media type and body; sameness.go decides which spellings of them are one. Each part is length-prefixed,
// so that no two requests share an encoding.
//
// path is percent-encoded, as it was sent. canonicalBody is what Canonical made of a JSON body. Other bodies go in as the
// raw bytes that were sent, which is stricter, never laxer; no body is nil.
//
// The error is a *QueryError.
func NewFingerprint(method, path, rawQuery, mediaType string, canonicalBody []byte) (Fingerprint, error) {
	return computations()[0].fingerprint(method, rawQuery, spelling{path, bareMediaType(mediaType), canonicalBody})
}

// EarlierFingerprints are what earlier releases gave this request, where that is not what NewFingerprint gives it. A record
// that one of them stored is recognised by it instead of being taken for another request's.
func EarlierFingerprints(method, path, rawQuery, mediaType string, canonicalBody []byte) []Fingerprint {
	sent := spelling{path, bareMediaType(mediaType), canonicalBody}
	all := computations()
	present, err := all[0].fingerprint(method, rawQuery, sent)
	if err != nil {
		return nil
	}
	var earlier []Fingerprint
	for _, c := range all[1:] {
		if fp, err := c.fingerprint(method, rawQuery, sent); err == nil && fp != present {
			earlier = append(earlier, fp)
		}
	}
	return earlier
}

// computation is one way in which releases made fingerprints.
type computation struct {
	version byte // the first byte of the fingerprint
	tag     string
	spell   func(spelling) spelling // makes one spelling of those that are the same
}

// computations are all of them, the present one first. A change of the computation is a new one in front, with a version and
// a tag of its own: ids and provider keys are derived from fingerprints, so what makes other ones of usual requests must not
// look like the present one. The second one differs from the first by nothing but unusual spellings and shares both.
func computations() [2]computation {
	return [...]computation{
		{1, fingerprintTag, oneSpelling},
		{1, fingerprintTag, asSent},
	}
}

func (c computation) fingerprint(method, rawQuery string, request spelling) (Fingerprint, error) {
	request = c.spell(request)
	var space [512]byte // most requests fit, and then nothing is allocated
	b := append(space[:0], c.tag...)
	b = appendPrefixed(b, method)
	b = appendPrefixed(b, request.path)
	b, err := appendSortedQuery(b, rawQuery)
	if err != nil {
		return Fingerprint{}, err
	}
	b = appendPrefixed(b, request.mediaType)
	b = appendPrefixed(b, request.body)
	var fp Fingerprint
	fp[0] = c.version
	sum := sha256.Sum256(b)
	copy(fp[1:], sum[:])
	return fp, nil
}

// appendPrefixed appends the length of s as 8 bytes, most significant first, and then s.
func appendPrefixed[T string | []byte](b []byte, s T) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}
