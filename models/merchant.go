package models

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// MaxMerchantName is the greatest length of a merchant's name in characters.
const MaxMerchantName = 200

// ErrMerchantName means that a name is empty, too long or not printable.
var ErrMerchantName = errors.New("merchant name not allowed")

// Merchant is a tenant: everything else belongs to one.
type Merchant struct {
	ID        uuid.UUID `gorm:"primaryKey;type:uuid"`
	Name      string
	CreatedAt time.Time `gorm:"default:now();autoCreateTime:false"`
}

// CheckMerchantName returns [ErrMerchantName] unless the name has 1 to [MaxMerchantName] printable characters, not all
// of them spaces. Names are printed on terminals and pages: control characters would be obeyed there.
func CheckMerchantName(name string) error {
	const advice = "use 1 to 200 printable characters"
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: %.40q is not UTF-8; %s", ErrMerchantName, name, advice)
	}
	if strings.TrimSpace(name) == "" {
		return fmt.Errorf("%w: it is empty; %s", ErrMerchantName, advice)
	}
	if n := utf8.RuneCountInString(name); n > MaxMerchantName {
		return fmt.Errorf("%w: %.40q... has %d characters; %s", ErrMerchantName, name, n, advice)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: %.40q has %U, which is not printable; %s", ErrMerchantName, name, r, advice)
		}
	}
	return nil
}
