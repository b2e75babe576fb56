package models

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// An API key reads sk_test_<id>_<secret>. Both parts are lower-case base 32 (RFC 4648 alphabet): without '_' in it,
// splitting has one answer.
const (
	apiKeyPrefix   = "sk_test_"
	apiKeyIDLength = 20 // 100 bits: public, only has to be unique
	secretLength   = 52 // 260 bits: so plain SHA-256 is enough, there is nothing to guess slowly
)

// ErrMalformedAPIKey means that text is no API key at all. Its message never holds the text: it may be a real secret
// with one character too many.
var ErrMalformedAPIKey = errors.New("malformed API key: want sk_test_<id>_<secret>, exactly as it was printed")

// APIKey is a merchant's credential. The secret itself is nowhere.
type APIKey struct {
	ID         string    `gorm:"primaryKey"` // the public part
	MerchantID uuid.UUID `gorm:"type:uuid"`
	SecretHash []byte    `gorm:"not null"` // SHA-256 of the secret part
	Scopes     Scopes    `gorm:"not null;default:'{*}'"`
	CreatedAt  time.Time `gorm:"default:now();autoCreateTime:false"`
	LastUsedAt *time.Time
	ExpiresAt  *time.Time
	RevokedAt  *time.Time
}

// NewAPIKey makes a key for a merchant. The second result is the whole secret text, to be shown once.
func NewAPIKey(merchantID uuid.UUID) (APIKey, string) {
	// rand.Text gives 26 characters of base 32, 130 bits, each time.
	id := strings.ToLower(rand.Text()[:apiKeyIDLength])
	secret := strings.ToLower(rand.Text() + rand.Text())
	hash := sha256.Sum256([]byte(secret))
	key := APIKey{ID: id, MerchantID: merchantID, SecretHash: hash[:], Scopes: Scopes{"*"}}
	return key, apiKeyPrefix + id + "_" + secret
}

// ParseAPIKey splits a key into its public id and the hash to compare with [APIKey.Verify]. It returns
// [ErrMalformedAPIKey] for anything that [NewAPIKey] can't have made, so that junk never costs a look-up.
func ParseAPIKey(s string) (id string, secretHash [32]byte, err error) {
	rest, ok := strings.CutPrefix(s, apiKeyPrefix)
	if !ok {
		return "", [32]byte{}, ErrMalformedAPIKey
	}
	id, secret, ok := strings.Cut(rest, "_")
	if !ok || !isBase32(id, apiKeyIDLength) || !isBase32(secret, secretLength) {
		return "", [32]byte{}, ErrMalformedAPIKey
	}
	var text [secretLength]byte // its length was checked
	copy(text[:], secret)
	return id, sha256.Sum256(text[:]), nil
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
func (k APIKey) Verify(secretHash [32]byte) bool {
	return subtle.ConstantTimeCompare(k.SecretHash, secretHash[:]) == 1
}

// Usable says whether the key is neither revoked nor expired at now.
func (k APIKey) Usable(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}

// Scopes is a text[] of scope names. A CHECK keeps commas, quotes and braces out of them, so this needs no quoting.
type Scopes []string

// GormDataType names the column type for GORM.
func (Scopes) GormDataType() string { return "text[]" }

// Value implements [driver.Valuer].
func (s Scopes) Value() (driver.Value, error) {
	return "{" + strings.Join(s, ",") + "}", nil
}

// Scan implements sql.Scanner.
func (s *Scopes) Scan(src any) error {
	text, ok := src.(string)
	if !ok || !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") {
		return fmt.Errorf("scan scopes: got %T, want the text of an array; select the column without a cast", src)
	}
	*s = strings.FieldsFunc(text[1:len(text)-1], func(r rune) bool { return r == ',' })
	return nil
}
