// Package seal encrypts what a database keeps and must not show to those who only read the database: stored responses, and the
// secrets of webhook endpoints.
//
// A sealed value is, with integers big-endian:
//
//	version 1 | key id 4 | nonce 12 | AES-256-GCM (NIST SP 800-38D) of the text, with its tag of 16
//
// Each context (the row that the value belongs to) has a key of its own, derived from the root by HMAC-SHA256, so a value that
// was copied to another row doesn't open there. The nonce is random: NIST allows 2^32 of them for one key, and a row is sealed a
// few times in its life. The key id names the root without telling anything of it, so roots rotate: the first seals, all open.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

const (
	version    = 1
	idSize     = 4
	headSize   = 1 + idSize
	nonceSize  = 12
	minRoot    = 32 // bytes of a root: what SHA-256 makes full use of (RFC 2104, section 3)
	purposeTag = "payonce seal 1 "
)

// Overhead is by how many bytes a sealed value is longer than its text.
const Overhead = headSize + nonceSize + 16

// The reasons why a value doesn't open. Neither says what is in it.
var (
	// ErrUnknownKey: it was sealed with a root that this process doesn't have: one that was retired too early, or another deployment's.
	ErrUnknownKey = errors.New("sealed with a key that is not known here")
	// ErrBroken: it was changed, belongs to another row, or is no sealed value.
	ErrBroken = errors.New("not a sealed value of this row")
)

// Box seals with the first of its roots and opens with all of them. It is safe for concurrent use.
type Box struct{ roots []root }

type root struct {
	id  [idSize]byte
	key []byte
}

// New returns a box for a purpose, which separates its keys from those of other purposes. Each root has 32 random bytes or more.
func New(purpose string, roots [][]byte) (*Box, error) {
	if len(roots) == 0 {
		return nil, errors.New("seal: no root key")
	}
	b := &Box{}
	for i, secret := range roots {
		if len(secret) < minRoot {
			return nil, fmt.Errorf("seal: root key %d has %d bytes, want at least %d random ones", i+1, len(secret), minRoot)
		}
		key, err := hkdf.Key(sha256.New, secret, nil, purposeTag+purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("seal: derive key %d: %w", i+1, err)
		}
		r := root{key: key}
		id := mac(key, "id", nil)
		copy(r.id[:], id[:])
		b.roots = append(b.roots, r)
	}
	return b, nil
}

func mac(key []byte, what string, context []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(what))
	h.Write(context)
	h.Sum(sum[:0])
	return sum
}

// of is the cipher of one context.
func (r root) of(context []byte) cipher.AEAD {
	key := mac(r.key, "row", context)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) //nolint:forbidigo // the key always has 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) //nolint:forbidigo // AES blocks always have 16 bytes
	}
	return gcm
}

// Seal encrypts a text for its context, the row that it belongs to.
func (b *Box) Seal(text, context []byte) []byte {
	r := b.roots[0]
	sealed := make([]byte, headSize+nonceSize, len(text)+Overhead)
	sealed[0] = version
	copy(sealed[1:], r.id[:])
	_, _ = rand.Read(sealed[headSize:]) // never fails since Go 1.24
	return r.of(context).Seal(sealed, sealed[headSize:], text, sealed[:headSize])
}

// Open decrypts what Seal made for the same context with any of the roots. The text is never nil when there is no error.
func (b *Box) Open(sealed, context []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != version {
		return nil, ErrBroken
	}
	for _, r := range b.roots {
		if !bytes.Equal(sealed[1:headSize], r.id[:]) {
			continue
		}
		nonce, body := sealed[headSize:headSize+nonceSize], sealed[headSize+nonceSize:]
		text, err := r.of(context).Open(make([]byte, 0, len(body)), nonce, body, sealed[:headSize])
		if err != nil {
			return nil, ErrBroken // the cipher's own error says no more
		}
		return text, nil
	}
	return nil, ErrUnknownKey
}

// Head is how every value begins that was sealed with the first root: what begins otherwise was sealed with an older one, and has to
// be sealed again before that one is retired.
func (b *Box) Head() []byte { return append([]byte{version}, b.roots[0].id[:]...) }
