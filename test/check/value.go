package check

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// The format of values in Redis is written down in idempotency/redis/value.go. This reads it anew, so that a mistake there
// is not repeated here.
const (
	valueHead = 2 + 16 + 32
	valueTag  = sha256.Size
	completed = 1
	sealed    = 3
)

var (
	errUnverified = errors.New("not signed by these secrets")
	errNoOutcome  = errors.New("no outcome")
)

// cached is a completed value.
type cached struct {
	id           keyID
	fingerprint  []byte
	expires      time.Time
	status       int
	resource     [16]byte
	resourceType string
	header       map[string]string
	body         []byte
	sealed       bool
}

// valueKeys are what one secret signs and names values with.
type valueKeys struct{ sign, name []byte }

func deriveKeys(secrets [][]byte) (keys []valueKeys, err error) {
	for _, secret := range secrets {
		sign, errSign := hkdf.Key(sha256.New, secret, nil, "payonce redis value 1", sha256.Size)
		name, errName := hkdf.Key(sha256.New, secret, nil, "payonce redis name 1", sha256.Size)
		if err := errors.Join(errSign, errName); err != nil {
			return nil, err
		}
		keys = append(keys, valueKeys{sign, name})
	}
	return keys, nil
}

func mac(key []byte, text ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, part := range text {
		m.Write(part)
	}
	return m.Sum(nil)
}

// nameOf is the Redis key under which the value of a key has to stand.
func (k valueKeys) nameOf(id keyID) string {
	return "idem:" + base64.RawURLEncoding.EncodeToString(mac(k.name, []byte("r"), id.merchant[:], id.hash[:]))
}

// readValue returns a completed value, errNoOutcome for a hint, and errUnverified for what none of the keys has signed.
func readValue(keys []valueKeys, b []byte) (*cached, error) {
	if len(b) < valueHead+valueTag || b[0] != 1 {
		return nil, errUnverified
	}
	signed, tag, verified := b[:len(b)-valueTag], b[len(b)-valueTag:], false
	for _, k := range keys {
		verified = verified || hmac.Equal(mac(k.sign, signed), tag)
	}
	if !verified {
		return nil, errUnverified
	}
	if signed[1] != completed && signed[1] != sealed {
		return nil, errNoOutcome
	}
	v := &cached{header: map[string]string{}, sealed: signed[1] == sealed}
	copy(v.id.merchant[:], signed[2:18])
	copy(v.id.hash[:], signed[18:50])
	r := cursor{b: signed[valueHead:]}
	v.fingerprint = r.take(33)
	v.expires = time.UnixMicro(int64(r.number(8)))
	r.take(4) // the timeline
	v.status = int(r.number(2))
	copy(v.resource[:], r.take(16))
	v.resourceType = string(r.take(int(r.number(1))))
	for range r.number(1) {
		name := string(r.take(int(r.number(1))))
		v.header[name] = string(r.take(int(r.number(2))))
	}
	v.body = r.take(int(r.number(4)))
	if r.short || len(r.b) > 0 {
		return nil, errors.New("signed, and not of the size that it says")
	}
	return v, nil
}

// cursor reads fields one after the other.
type cursor struct {
	b     []byte
	short bool
}

func (r *cursor) take(n int) []byte {
	if n > len(r.b) {
		r.short, n = true, 0
	}
	field := r.b[:n]
	r.b = r.b[n:]
	return field
}

func (r *cursor) number(size int) uint64 {
	var wide [8]byte
	copy(wide[8-size:], r.take(size))
	return binary.BigEndian.Uint64(wide[:])
}
