package idempotency

import (
	"crypto/sha256"
	"encoding/base64"
)

// ProviderKey is the idempotency key under which the payment provider is asked: a pure function of the request's
// identity, so that every process that completes the operation asks under the same key. It holds no secret, because it has
// to survive the rotation of secrets. 43 characters of base64url (RFC 4648 section 5, no padding).
func ProviderKey(merchant [16]byte, key Key, operation string, fp Fingerprint) string {
	sum := hashParts(providerKeyTag, merchant[:], []byte(key), []byte(operation), fp[:])
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// DeriveUUID is the id of the row that a request makes: a UUIDv8 (RFC 9562 section 5.8) whose 122 free bits come from
// SHA-256 over the request's identity. A second execution of the request therefore collides with the first instead of
// standing beside it. domain names the kind of row, so that one request may make several.
func DeriveUUID(domain string, merchant [16]byte, key Key, operation string, fp Fingerprint) [16]byte {
	return uuidOf(hashParts(uuidTag, []byte(domain), merchant[:], []byte(key), []byte(operation), fp[:]))
}

// UUIDFrom is the id of a row that follows from other rows, such as a payment's capture: like DeriveUUID, from the domain and
// any parts. Each part is length-prefixed, so that no two lists of parts hash the same bytes.
func UUIDFrom(domain string, parts ...[]byte) [16]byte {
	return uuidOf(hashParts("", append([][]byte{[]byte(domain)}, parts...)...))
}

// uuidOf makes a UUIDv8 of a hash.
func uuidOf(sum [32]byte) [16]byte {
	id := [16]byte(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80 // variant 10, RFC 9562 section 4.1
	return id
}

// hashParts hashes the tag and the length-prefixed parts.
func hashParts(tag string, parts ...[]byte) [32]byte {
	var space [512]byte // most identities fit, and then nothing is allocated
	b := append(space[:0], tag...)
	for _, part := range parts {
		b = appendPrefixed(b, part)
	}
	return sha256.Sum256(b)
}
