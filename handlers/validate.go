package handlers

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/payonce/payonce/internal/cardnumber"
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
)

// ValidationError lists every value that is of the right type and not acceptable.
type ValidationError struct{ Fields []problem.FieldError }

func (e *ValidationError) Error() string {
	return fmt.Sprintf("%d values are not acceptable, first %s: %s", len(e.Fields), e.Fields[0].Pointer, e.Fields[0].Detail)
}

// checks collects what is wrong with a request, so that a client learns all of it at once. Values that could be card
// numbers are never repeated.
type checks struct{ fields []problem.FieldError }

func (v *checks) fail(pointer, code, detail string) {
	v.fields = append(v.fields, problem.FieldError{Pointer: pointer, Code: code, Detail: detail})
}

func (v *checks) err() error {
	if len(v.fields) == 0 {
		return nil
	}
	return &ValidationError{v.fields}
}

// text checks a text that people read: its length in characters, no control characters, and no card number.
func (v *checks) text(pointer, value string, least, most int) {
	switch length := utf8.RuneCountInString(value); {
	case length < least || length > most:
		v.fail(pointer, "length", fmt.Sprintf("has %d characters; %d to %d are allowed", length, least, most))
	case strings.ContainsFunc(value, unicode.IsControl):
		v.fail(pointer, "control_character", "holds a control character")
	case cardnumber.Find(value):
		v.fail(pointer, "card_number", "looks like a card number; card data must never be sent here")
	}
}

// optional checks a text that may be left out.
func (v *checks) optional(pointer string, value *string, most int) {
	if value != nil {
		v.text(pointer, *value, 1, most)
	}
}

// amount checks an amount that may be left out; 0 then.
func (v *checks) amount(pointer string, value *int64) int64 {
	if value == nil {
		return 0
	}
	if *value < 1 {
		v.fail(pointer, "minimum", "must be at least 1, in minor units; leave it out for all that is left")
	}
	return *value
}

// time reads a time that may be left out, in microseconds.
func (v *checks) time(pointer string, value *string) *time.Time {
	if value == nil {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, *value)
	if err != nil {
		v.fail(pointer, "format", "must be a time like 2026-11-23T12:00:00Z (RFC 3339)")
		return nil
	}
	at = at.UTC().Truncate(time.Microsecond)
	return &at
}

const (
	maxMetadata      = 50
	maxMetadataKey   = 40
	maxMetadataValue = 500
)

// metadata checks a client's own pairs and returns them as a column.
func (v *checks) metadata(pairs map[string]string) models.JSON {
	if len(pairs) > maxMetadata {
		v.fail("/metadata", "too_many", fmt.Sprintf("has %d members; at most %d are allowed", len(pairs), maxMetadata))
		return nil
	}
	for key, value := range pairs {
		pointer := "/metadata/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key) // RFC 6901, section 3
		if n := utf8.RuneCountInString(key); n < 1 || n > maxMetadataKey || cardnumber.Find(key) {
			v.fail("/metadata", "key", fmt.Sprintf("has a key of %d characters, or one like a card number; 1 to %d characters are allowed", n, maxMetadataKey))
			continue
		}
		if strings.ContainsRune(key, 0) || strings.ContainsRune(value, 0) {
			v.fail("/metadata", "control_character", "holds a NUL character, which can't be stored")
			continue
		}
		if utf8.RuneCountInString(value) > maxMetadataValue {
			v.fail(pointer, "length", fmt.Sprintf("is longer than %d characters", maxMetadataValue))
		}
		if cardnumber.Find(value) {
			v.fail(pointer, "card_number", "looks like a card number; card data must never be sent here")
		}
	}
	if pairs == nil {
		return models.JSON("{}")
	}
	text, err := wire.Encode(pairs)
	if err != nil {
		v.fail("/metadata", "encoding", "can't be encoded")
	}
	return text
}
