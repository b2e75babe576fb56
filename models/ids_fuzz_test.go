package models

import (
	"errors"
	"testing"

	"github.com/google/uuid"
)

// FuzzParseID: what is read as an id is its one spelling, and every 16 bytes have one.
func FuzzParseID(f *testing.F) {
	good := FormatID(PrefixOrder, uuid.UUID{1, 15: 2})
	for _, seed := range []string{good, good[1:], good + "0", "ORD_" + good[4:], "ord_8zzzzzzzzzzzzzzzzzzzzzzzzz", "ord_7zzzzzzzzzzzzzzzzzzzzzzzzz", "ord_", ""} {
		f.Add(seed, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		id, err := ParseID(PrefixOrder, text)
		switch {
		case err == nil && FormatID(PrefixOrder, id) != text:
			t.Errorf("%q is read as %s, which is written %s", text, id, FormatID(PrefixOrder, id))
		case err != nil && (!errors.Is(err, ErrMalformedID) || id != uuid.Nil):
			t.Errorf("%q: %s, %v", text, id, err)
		}
		var made uuid.UUID
		copy(made[:], raw)
		if back, err := ParseID(PrefixPayment, FormatID(PrefixPayment, made)); err != nil || back != made {
			t.Errorf("%s comes back as %s, %v", made, back, err)
		}
	})
}
