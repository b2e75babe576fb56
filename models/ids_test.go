package models

import (
	"bytes"
	"cmp"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func anyID() *rapid.Generator[uuid.UUID] {
	return rapid.Custom(func(t *rapid.T) uuid.UUID {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
	})
}

func anyPrefix() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		PrefixOrder, PrefixPayment, PrefixRefund, PrefixCapture, PrefixEvent, PrefixWebhookEndpoint, PrefixMerchant,
	})
}

func TestAnIDReadsBackAsItself(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z]+_[0-7][0-9a-hjkmnp-tv-z]{25}$`)
	rapid.Check(t, func(t *rapid.T) {
		id, prefix := anyID().Draw(t, "id"), anyPrefix().Draw(t, "prefix")
		text := FormatID(prefix, id)
		if !form.MatchString(text) {
			t.Fatalf("%s is not of the promised form", text)
		}
		if back, err := ParseID(prefix, text); err != nil || back != id {
			t.Fatalf("%s reads back as %s, %v; want %s", text, back, err, id)
		}
	})
}

func TestIDsSortLikeTheirBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyID().Draw(t, "a"), anyID().Draw(t, "b")
		if cmp.Compare(FormatID("x_", a), FormatID("x_", b)) != bytes.Compare(a[:], b[:]) {
			t.Fatalf("%s and %s sort another way than their bytes", a, b)
		}
	})
}

// One id has one spelling: whatever ParseID accepts is what FormatID returns.
func TestParseIDAcceptsTheCanonicalFormOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(FormatID(PrefixOrder, anyID().Draw(t, "id")))
		text[rapid.IntRange(0, len(text)-1).Draw(t, "place")] = rapid.Byte().Draw(t, "byte")
		id, err := ParseID(PrefixOrder, string(text))
		if err == nil && FormatID(PrefixOrder, id) != string(text) {
			t.Fatalf("%q was read as %s, which is written %s", text, id, FormatID(PrefixOrder, id))
		}
		if err != nil && !errors.Is(err, ErrMalformedID) {
			t.Fatalf("%q: %v is not ErrMalformedID", text, err)
		}
	})
}

func TestParseIDRefusesOtherSpellings(t *testing.T) {
	t.Parallel()
	good := FormatID(PrefixOrder, NewID())
	bare := strings.TrimPrefix(good, PrefixOrder)
	for name, text := range map[string]string{
		"nothing":           "",
		"prefix only":       PrefixOrder,
		"no prefix":         bare,
		"another prefix":    PrefixPayment + bare,
		"upper case":        strings.ToUpper(good),
		"upper case digits": PrefixOrder + "0000000000000000000000000A",
		"too short":         good[:len(good)-1],
		"too long":          good + "0",
		"space behind":      good + " ",
		"more than 128 bit": PrefixOrder + "8" + strings.Repeat("0", 25),
		"look-alike o":      PrefixOrder + "0000000000000000000000000o",
		"look-alike l":      PrefixOrder + "0000000000000000000000000l",
		"letter u":          PrefixOrder + "0000000000000000000000000u",
		"a uuid":            PrefixOrder + uuid.Nil.String(),
		"not ASCII":         PrefixOrder + "000000000000000000000000é",
	} {
		if id, err := ParseID(PrefixOrder, text); !errors.Is(err, ErrMalformedID) {
			t.Errorf("%s: ParseID(%q) = %s, %v; want ErrMalformedID", name, text, id, err)
		}
	}
}

func TestNewIDsAreVersion7AndOrdered(t *testing.T) {
	t.Parallel()
	last := NewID()
	for range 1000 {
		id := NewID()
		if id.Version() != 7 || id.Variant() != uuid.RFC4122 {
			t.Fatalf("%s is version %d, %s", id, id.Version(), id.Variant())
		}
		if bytes.Compare(last[:], id[:]) >= 0 {
			t.Fatalf("%s was made after %s, but sorts before it", id, last)
		}
		last = id
	}
}
