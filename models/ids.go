package models

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Prefixes of public ids. They make an id of the wrong kind a visible mistake instead of a 404.
const (
	PrefixOrder           = "ord_"
	PrefixPayment         = "pay_"
	PrefixRefund          = "re_"
	PrefixCapture         = "cap_"
	PrefixEvent           = "evt_"
	PrefixLedgerEntry     = "le_"
	PrefixDiscrepancy     = "dis_"
	PrefixWebhookEndpoint = "we_"
	PrefixWebhookDelivery = "del_"
	PrefixMerchant        = "mer_"
)

// ErrMalformedID is returned by [ParseID] for text that no [FormatID] produces.
var ErrMalformedID = errors.New("malformed id")

const (
	// crockford is Crockford's base 32 in lower case: in ASCII order, so that ids sort like their bytes, and without
	// i, l, o, u, so that an id read aloud is not another id.
	crockford = "0123456789abcdefghjkmnpqrstvwxyz"
	idLength  = 26 // ceil(128 bits / 5)
	idHint    = "copy the id as the API returned it"
)

// FormatID returns prefix and the 16 bytes of id as 26 characters of lower-case Crockford base 32, the layout of a
// ULID: the first character holds 3 bits. Ids of one prefix sort like their bytes, so UUIDv7 ids sort by time.
func FormatID(prefix string, id uuid.UUID) string {
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var text [idLength]byte
	for i := idLength - 1; i >= 0; i-- {
		text[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return prefix + string(text[:])
}

// ParseID is the inverse of [FormatID] and accepts nothing else: no upper case, no look-alike letters, no overflow.
// One id has one spelling, because ids are part of the path and so of a request's fingerprint.
func ParseID(prefix, s string) (uuid.UUID, error) {
	text, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return uuid.Nil, fmt.Errorf("%w: %.40q does not start with %q; %s", ErrMalformedID, s, prefix, idHint)
	}
	if len(text) != idLength || text[0] > '7' {
		return uuid.Nil, fmt.Errorf("%w: %.40q is not %q and %d characters up to 7zz...; %s",
			ErrMalformedID, s, prefix, idLength, idHint)
	}
	var hi, lo uint64
	for i := range idLength {
		digit := strings.IndexByte(crockford, text[i])
		if digit < 0 {
			return uuid.Nil, fmt.Errorf("%w: %.40q has %q, which is not one of %s; %s", ErrMalformedID, s, text[i], crockford, idHint)
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(digit)
	}
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], hi)
	binary.BigEndian.PutUint64(id[8:], lo)
	return id, nil
}

// NewID returns a UUIDv7 (RFC 9562, 5.7): made by the application, so that no sequence is a single point, and ordered
// by time, so that inserts go to the right edge of an index.
func NewID() uuid.UUID {
	// NewV7 fails only when the system has no randomness; crypto/rand ends the process before that returns.
	return uuid.Must(uuid.NewV7())
}
