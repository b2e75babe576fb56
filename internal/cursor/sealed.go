package cursor

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

const (
	sealedVersion = 1
	positionSize  = 8 + 8 + 16
	nonceSize     = 12
	tagSize       = 16
	sealedSize    = 1 + nonceSize + positionSize + tagSize
)

// Position is a place in a log that is ordered by two numbers and an id.
type Position struct {
	Epoch, Number int64
	ID            [16]byte
}

// Sealer makes cursors that are kept for ever, so its key is not one that is rotated. They are encrypted: the numbers count
// what all merchants do, which is no merchant's business. It is safe for concurrent use.
type Sealer struct {
	key  [sha256.Size]byte // of the nonces
	aead cipher.AEAD
}

// NewSealer returns a sealer with a key of its own.
func NewSealer(key []byte) (*Sealer, error) {
	nonces, texts := sha256.Sum256(append([]byte("payonce/sealed-cursor-nonce/v1"), key...)), sha256.Sum256(append([]byte("payonce/sealed-cursor/v1"), key...))
	block, err := aes.NewCipher(texts[:])
	if err != nil {
		return nil, fmt.Errorf("make the cursors' cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the cursors' cipher: %w", err)
	}
	return &Sealer{nonces, aead}, nil
}

// Encode returns the cursor of a position in a merchant's log, the same for the same position: the nonce is a MAC of what is
// sealed, as in SIV (RFC 5297), so equal nonces mean equal texts.
func (s *Sealer) Encode(merchant [16]byte, p Position) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(p.Epoch))
	plain = binary.BigEndian.AppendUint64(plain, uint64(p.Number))
	plain = append(plain, p.ID[:]...)
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write(merchant[:])
	mac.Write(plain)
	nonce := mac.Sum(nil)[:nonceSize]
	sealed := append([]byte{sealedVersion}, nonce...)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(sealed, nonce, plain, merchant[:]))
}

// Decode returns the position that Encode was given for this merchant. The error is always ErrInvalid.
func (s *Sealer) Decode(merchant [16]byte, text string) (Position, error) {
	if len(text) != base64.RawURLEncoding.EncodedLen(sealedSize) {
		return Position{}, ErrInvalid
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || raw[0] != sealedVersion {
		return Position{}, ErrInvalid
	}
	plain, err := s.aead.Open(nil, raw[1:1+nonceSize], raw[1+nonceSize:], merchant[:])
	if err != nil {
		return Position{}, ErrInvalid
	}
	return Position{
		int64(binary.BigEndian.Uint64(plain[:8])), int64(binary.BigEndian.Uint64(plain[8:16])), [16]byte(plain[16:]),
	}, nil
}
