package models

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// An API key reads sk_test_<id>_<secret>, or sk_live_ where it moves real money. Both parts are lower-case base 32 (RFC 4648 alphabet): without '_' in it,
// splitting has one answer.
const (
	testPrefix     = "sk_test_"
	livePrefix     = "sk_live_"
	apiKeyIDLength = 20 // 100 bits: public, only has to be unique
	secretLength   = 52 // 260 bits: so plain SHA-256 is enough, there is nothing to guess slowly
)

// MaxKeyName is the greatest length of an API key's name in characters.
const MaxKeyName = 100

// ErrKeyName means that an API key's name is too long or not printable.
var ErrKeyName = errors.New("name of the API key not allowed")

// ErrMalformedAPIKey means that text is no API key at all. Its message never holds the text: it may be a real secret
// with one character too many.
var ErrMalformedAPIKey = errors.New("malformed API key: want sk_test_<id>_<secret> or sk_live_<id>_<secret>, exactly as it was printed")

// APIKey is a merchant's credential. The secret itself is nowhere.
type APIKey struct {
	ID         string     `gorm:"primaryKey"` // the public part
	MerchantID uuid.UUID  `gorm:"type:uuid"`
	Name       string     // for the people who tell keys apart
	Live       bool       // reads sk_live_
	SecretHash []byte     `gorm:"not null"` // SHA-256 of the secret part
	Scopes     Scopes     `gorm:"not null;default:'{*}'"`
	CreatedAt  time.Time  `gorm:"default:now();autoCreateTime:false"`
	LastUsedAt *time.Time // coarse: written once in ten minutes at most
	ExpiresAt  *time.Time
	RevokedAt  *time.Time
}

// KeyTerms are what is agreed for a new key. The zero value is a key that may do everything and doesn't expire.
type KeyTerms struct {
	Name      string
	Scopes    Scopes // nil: all, also those of later releases
	ExpiresAt *time.Time
	Live      bool
}

// Check returns [ErrKeyName] unless the name has up to [MaxKeyName] printable characters: it is printed on terminals.
func (t KeyTerms) Check() error {
	if !utf8.ValidString(t.Name) || utf8.RuneCountInString(t.Name) > MaxKeyName ||
		strings.ContainsFunc(t.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%w: use up to %d printable characters", ErrKeyName, MaxKeyName)
	}
	return nil
}

// NewAPIKey makes a key for a merchant. The second result is the whole secret text, to be shown once.
func NewAPIKey(merchantID uuid.UUID, terms KeyTerms) (APIKey, string) {
	// rand.Text gives 26 characters of base 32, 130 bits, each time.
	id := strings.ToLower(rand.Text()[:apiKeyIDLength])
	secret := strings.ToLower(rand.Text() + rand.Text())
	hash := sha256.Sum256([]byte(secret))
	key := APIKey{
		ID: id, MerchantID: merchantID, Name: terms.Name, Live: terms.Live, SecretHash: hash[:], Scopes: terms.Scopes, ExpiresAt: terms.ExpiresAt,
	}
	if terms.Scopes == nil {
		key.Scopes = AllScopes()
	}
	return key, prefixOf(terms.Live) + id + "_" + secret
}

func prefixOf(live bool) string {
	if live {
		return livePrefix
	}
	return testPrefix
}

// Prefix is how the key's text begins.
func (k APIKey) Prefix() string { return prefixOf(k.Live) }

// Secret is what a client shows of a key: enough to check it, and no more.
type Secret struct {
	hash [32]byte
	live bool
}

// ParseAPIKey splits a key into its public id and the secret to compare with [APIKey.Verify]. It returns
// [ErrMalformedAPIKey] for anything that [NewAPIKey] can't have made, so that junk never costs a look-up.
func ParseAPIKey(s string) (id string, shown Secret, err error) {
	rest, test := strings.CutPrefix(s, testPrefix)
	rest, live := strings.CutPrefix(rest, livePrefix)
	if test == live {
		return "", Secret{}, ErrMalformedAPIKey
	}
	id, secret, ok := strings.Cut(rest, "_")
	if !ok || !isBase32(id, apiKeyIDLength) || !isBase32(secret, secretLength) {
		return "", Secret{}, ErrMalformedAPIKey
	}
	var text [secretLength]byte // its length was checked
	copy(text[:], secret)
	return id, Secret{sha256.Sum256(text[:]), live}, nil
}

// IsAPIKeyID says whether s has the form of a key's public part.
func IsAPIKeyID(s string) bool { return isBase32(s, apiKeyIDLength) }

func isBase32(s string, length int) bool {
	if len(s) != length {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// Verify compares in constant time: the time must not tell how much of a guess was right.
func (k APIKey) Verify(shown Secret) bool {
	return subtle.ConstantTimeCompare(k.SecretHash, shown.hash[:]) == 1 && k.Live == shown.live
}

// Usable says whether the key is neither revoked nor expired at now.
func (k APIKey) Usable(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}
