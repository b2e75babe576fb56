// Package cursor makes the opaque positions that lists hand out as next_cursor.
//
// A cursor names the last row that a page showed: its time and its id. It is signed, so that a client can neither make
// one up nor carry one to another merchant or another list, and a handler may use what it decodes without more checks.
// It is not encrypted: the row's time and id are already on the page.
package cursor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

const (
	version  = 1
	bodySize = 1 + 8 + 16 // version, microseconds since 1970, id
	macSize  = 16         // HMAC-SHA-256 cut to 128 bits: RFC 2104 section 5 asks for half of the hash at least
	domain   = "payonce/cursor/v1"
)

// ErrInvalid says that a cursor was not made by this service for this merchant and this list.
var ErrInvalid = errors.New("the cursor is not one that this list returned")

// Codec makes and reads cursors. It is safe for concurrent use.
type Codec struct{ keys [][]byte }

// New returns a codec that signs with key and reads what was signed with key or one of the older keys, so that cursors
// outlive a rotation of the secret. Give it a key of its own, derived from the service's secret: at least 16 bytes.
func New(key []byte, older ...[]byte) *Codec {
	c := &Codec{}
	for _, k := range append([][]byte{key}, older...) {
		c.keys = append(c.keys, append([]byte(nil), k...))
	}
	return c
}

// Encode returns the cursor after the row with this time (in whole microseconds, as the column stores it; what is finer
// is dropped) and id: 55 characters of base64url without padding (RFC 4648 section 5).
func (c *Codec) Encode(merchant [16]byte, list string, at time.Time, id [16]byte) string {
	raw := make([]byte, 0, bodySize+macSize)
	raw = append(raw, version)
	raw = binary.BigEndian.AppendUint64(raw, uint64(at.UnixMicro()))
	raw = append(raw, id[:]...)
	raw = append(raw, sign(c.keys[0], merchant, list, raw)...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Decode returns the time (UTC) and the id that Encode was given. The error is always ErrInvalid: more detail would
// help only a forger.
func (c *Codec) Decode(merchant [16]byte, list, s string) (time.Time, [16]byte, error) {
	if len(s) != base64.RawURLEncoding.EncodedLen(bodySize+macSize) {
		return time.Time{}, [16]byte{}, ErrInvalid
	}
	// Strict: only one spelling of each cursor, or the unused bits of the last character could be changed.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != bodySize+macSize || raw[0] != version || !c.signed(merchant, list, raw) {
		return time.Time{}, [16]byte{}, ErrInvalid
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(raw[1:9]))).UTC()
	return at, [16]byte(raw[9:bodySize]), nil
}

func (c *Codec) signed(merchant [16]byte, list string, raw []byte) bool {
	for _, key := range c.keys {
		if hmac.Equal(raw[bodySize:], sign(key, merchant, list, raw[:bodySize])) {
			return true
		}
	}
	return false
}

// sign binds body to the merchant and the list. Everything but the list has a fixed length, so one length prefix is
// enough to keep the parts apart.
func sign(key []byte, merchant [16]byte, list string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(domain))
	mac.Write(merchant[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(list))))
	mac.Write([]byte(list))
	mac.Write(body)
	return mac.Sum(nil)[:macSize]
}
