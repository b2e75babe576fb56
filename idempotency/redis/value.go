package redis

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// A value in Redis authenticates itself, because Redis may be flushed, restored, shared or lying. All integers are
// big-endian:
//
//	version 1 | state 1 | merchant 16 | key hash 32 | ... | HMAC-SHA256 over all before it, 32
//	completed: fingerprint 33 | expires_at, microseconds 8 | timeline 4 | status 2 | resource id 16 | resource type 1+n |
//	           headers 1 x (name 1+n, value 2+n) | body 4+n
//	sealed:    as completed; the body is sealed as in the store
//	marker:      token 16 | set at, microseconds of the store's clock 8
const (
	valueVersion   = 1
	valueCompleted = 1
	valueMarker    = 2
	valueSealed    = 3

	valueHead  = 2 + 16 + 32
	valueTag   = sha256.Size
	markerSize = valueHead + 16 + 8 + valueTag

	// minSecret is what SHA-256 makes full use of (RFC 2104, section 3).
	minSecret = 32

	// maxCachedBody: larger bodies cost Redis more than they save Postgres.
	maxCachedBody = 64 << 10
)

// badValue says why a value is not served; it is the label of a counter.
type badValue string

func (b badValue) Error() string { return "value in Redis refused: " + string(b) }

// The reasons.
const (
	badType      badValue = "type"      // not a string, or not what a script returns
	badSize      badValue = "size"      // shorter or longer than it says
	badVersion   badValue = "version"   // another format, of an older or newer release
	badSignature badValue = "signature" // any changed byte, or a retired secret
	badState     badValue = "state"
	badOwner     badValue = "owner" // genuine, but of another merchant or key
	badTimeline  badValue = "timeline"
	badUnwatched badValue = "unwatched" // genuine, but it is not known whether a promotion made it stale
	badExpired   badValue = "expired"
	badMarkerAge badValue = "hint_age" // genuine, but not of the last second
	badSeal      badValue = "seal"     // genuine, but sealed with a key that is not known here
)

// marker is the note that a request with this key began less than a second ago.
type marker struct {
	token [16]byte
	setAt time.Time
}

// valueCodec signs with the first secret and verifies with all of them, so that secrets rotate without a flush. Names
// come from the first alone: while two releases disagree on it, they just don't find each other's values.
type valueCodec struct {
	name   *macPool
	sign   []*macPool
	sealer Sealer // of bodies; nil: they are kept as they are
}

// CheckSecrets fails unless values can be signed with these secrets: one at least, of 32 bytes or more each.
func CheckSecrets(secrets [][]byte) error {
	_, err := newValueCodec(secrets, "")
	return err
}

func newValueCodec(secrets [][]byte, scope string) (*valueCodec, error) {
	if len(secrets) == 0 {
		return nil, errors.New("redis values: no secret")
	}
	c := &valueCodec{}
	for i, secret := range secrets {
		if len(secret) < minSecret {
			return nil, fmt.Errorf("redis values: secret %d has %d bytes, want at least %d random ones: "+
				"with a secret that can be guessed, anyone who may write to Redis decides what is replayed", i+1, len(secret), minSecret)
		}
		key, err := hkdf.Key(sha256.New, secret, nil, "payonce redis value 1"+scope, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive the key of redis values: %w", err)
		}
		c.sign = append(c.sign, newMACPool(key))
		if i > 0 {
			continue
		}
		if key, err = hkdf.Key(sha256.New, secret, nil, "payonce redis name 1"+scope, sha256.Size); err != nil {
			return nil, fmt.Errorf("derive the key of redis names: %w", err)
		}
		c.name = newMACPool(key)
	}
	return c, nil
}

// recordName is the Redis key of a merchant's idempotency key: no client text in it, and nothing to enumerate.
func (c *valueCodec) recordName(tenant idempotency.Tenant, keyHash [32]byte) string {
	var text [1 + 16 + 32]byte
	text[0] = 'r'
	copy(text[1:], tenant[:])
	copy(text[17:], keyHash[:])
	sum := c.name.sum(text[:])
	var name [5 + 43]byte
	copy(name[:], "idem:")
	base64.RawURLEncoding.Encode(name[5:], sum[:])
	return string(name[:])
}

// limiterName is the Redis key of a limiter.
func (c *valueCodec) limiterName(limiter string) string {
	sum := c.name.sum([]byte("l" + limiter))
	return "rl:" + base64.RawURLEncoding.EncodeToString(sum[:16])
}

func valueHeader(state byte, tenant idempotency.Tenant, keyHash [32]byte, room int) []byte {
	b := make([]byte, 0, room)
	b = append(b, valueVersion, state)
	b = append(b, tenant[:]...)
	return append(b, keyHash[:]...)
}

func (c *valueCodec) signed(b []byte) []byte {
	tag := c.sign[0].sum(b)
	return append(b, tag[:]...)
}

func (c *valueCodec) encodeMarker(tenant idempotency.Tenant, keyHash [32]byte, h marker) []byte {
	b := valueHeader(valueMarker, tenant, keyHash, markerSize)
	b = append(b, h.token[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.setAt.UnixMicro()))
	return c.signed(b)
}

// encode returns nil for what can't or shouldn't be cached.
func (c *valueCodec) encode(rec *idempotency.Record) []byte {
	r := rec.Response
	if rec.State != idempotency.Completed || r == nil || r.Secret || !idempotency.Storable(r.Status) || len(r.Body) > maxCachedBody ||
		len(r.Headers) > 255 || len(rec.Resource.Type) > 255 {
		return nil
	}
	state, body := byte(valueCompleted), r.Body
	if c.sealer != nil {
		state, body = valueSealed, c.sealer.Seal(r.Body, owner(rec.Tenant, rec.KeyHash))
	}
	b := valueHeader(state, rec.Tenant, rec.KeyHash, valueHead+256+len(body)+128*len(r.Headers))
	b = append(b, rec.Fingerprint[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(rec.ExpiresAt.UnixMicro()))
	b = binary.BigEndian.AppendUint32(b, rec.Timeline)
	b = binary.BigEndian.AppendUint16(b, uint16(r.Status))
	b = append(b, rec.Resource.ID[:]...)
	b = append(append(b, byte(len(rec.Resource.Type))), rec.Resource.Type...)
	b = append(b, byte(len(r.Headers)))
	for _, h := range r.Headers {
		if len(h.Name) > 255 || len(h.Value) > 65535 {
			return nil
		}
		b = append(append(b, byte(len(h.Name))), h.Name...)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(h.Value))), h.Value...)
	}
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(body))), body...)
	return c.signed(b)
}

// decode returns a record or a marker of exactly this merchant and key, or a badValue. The signature is checked before
// anything behind the version byte is believed.
func (c *valueCodec) decode(b []byte, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, *marker, error) {
	if len(b) < valueHead+valueTag {
		return nil, nil, badSize
	}
	if b[0] != valueVersion {
		return nil, nil, badVersion
	}
	signed, tag := b[:len(b)-valueTag], b[len(b)-valueTag:]
	if !c.verified(signed, tag) {
		return nil, nil, badSignature
	}
	if idempotency.Tenant(signed[2:18]) != tenant || [32]byte(signed[18:50]) != keyHash {
		return nil, nil, badOwner
	}
	rest := &valueReader{b: signed[valueHead:]}
	switch signed[1] {
	case valueCompleted:
		rec, err := readRecord(rest, tenant, keyHash)
		return rec, nil, err
	case valueSealed:
		rec, err := readRecord(rest, tenant, keyHash)
		if err == nil {
			err = c.unseal(rec)
		}
		if err != nil {
			return nil, nil, err // not the sealed body
		}
		return rec, nil, nil
	case valueMarker:
		h := &marker{}
		copy(h.token[:], rest.next(16))
		h.setAt = rest.time()
		if err := rest.end(); err != nil {
			return nil, nil, err
		}
		return nil, h, nil
	}
	return nil, nil, badState
}

func (c *valueCodec) verified(signed, tag []byte) bool {
	for _, key := range c.sign {
		if sum := key.sum(signed); hmac.Equal(sum[:], tag) {
			return true
		}
	}
	return false
}

func readRecord(r *valueReader, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	rec := &idempotency.Record{Tenant: tenant, KeyHash: keyHash, State: idempotency.Completed}
	response := &idempotency.Response{}
	copy(rec.Fingerprint[:], r.next(len(rec.Fingerprint)))
	rec.ExpiresAt = r.time()
	rec.Timeline = uint32(r.uint(4))
	response.Status = int(r.uint(2))
	copy(rec.Resource.ID[:], r.next(16))
	rec.Resource.Type = r.text(1)
	if n := r.uint(1); n > 0 {
		response.Headers = make([]idempotency.Header, 0, n)
		for range n {
			response.Headers = append(response.Headers, idempotency.Header{Name: r.text(1), Value: r.text(2)})
		}
	}
	response.Body = append([]byte{}, r.next(int(r.uint(4)))...)
	if err := r.end(); err != nil {
		return nil, err
	}
	if !idempotency.Storable(response.Status) { // only a release with a bug signs this
		return nil, badState
	}
	response.Resource, rec.Response = rec.Resource, response
	return rec, nil
}

// valueReader cuts a value into its fields; a read past the end is remembered and returns nothing.
type valueReader struct {
	b   []byte
	bad bool
}

func (r *valueReader) next(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	field := r.b[:n]
	r.b = r.b[n:]
	return field
}

func (r *valueReader) uint(size int) (n uint64) {
	for _, b := range r.next(size) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *valueReader) text(size int) string { return string(r.next(int(r.uint(size)))) }

func (r *valueReader) time() time.Time { return time.UnixMicro(int64(r.uint(8))).UTC() }

func (r *valueReader) end() error {
	if r.bad || len(r.b) > 0 {
		return badSize
	}
	return nil
}

// macPool keeps keyed HMAC states: setting one up costs more than a short message does.
type macPool struct{ pool sync.Pool }

// keyedMAC is a state and room for its sum, which would be allocated each time.
type keyedMAC struct {
	hash.Hash
	room [sha256.Size]byte
}

func newMACPool(key []byte) *macPool {
	return &macPool{sync.Pool{New: func() any { return &keyedMAC{Hash: hmac.New(sha256.New, key)} }}}
}

func (m *macPool) sum(text []byte) [sha256.Size]byte {
	mac := m.pool.Get().(*keyedMAC) // only New fills the pool
	mac.Reset()
	mac.Write(text)
	mac.Sum(mac.room[:0])
	sum := mac.room
	m.pool.Put(mac)
	return sum
}
