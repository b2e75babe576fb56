package models

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
)

// AllEvents is the pattern of every type.
const AllEvents = "*"

// MaxEventPatterns bounds the patterns of an endpoint: there are fewer types.
const MaxEventPatterns = 64

// EventPatterns is a text[] of types of events, of "payment.*" for all that begin so, or of "*". A CHECK keeps everything but
// lower-case letters, dots and stars out of them, so this needs no quoting.
type EventPatterns []string

// IsEventPattern reports whether a text is a pattern: a type, the first word of types and ".*", or "*". Types are added by
// later releases, so one that is not known yet is no mistake.
func IsEventPattern(text string) bool {
	if text == AllEvents {
		return true
	}
	words := strings.Split(text, ".")
	if len(words) < 2 || len(text) > 64 {
		return false
	}
	if len(words) == 2 && words[1] == AllEvents {
		words = words[:1]
	}
	return !slices.ContainsFunc(words, func(word string) bool {
		return word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_") != ""
	})
}

// GormDataType names the column type for GORM.
func (EventPatterns) GormDataType() string { return "text[]" }

// Value implements [driver.Valuer].
func (p EventPatterns) Value() (driver.Value, error) {
	return "{" + strings.Join(p, ",") + "}", nil
}

// Scan implements sql.Scanner.
func (p *EventPatterns) Scan(src any) error {
	text, ok := src.(string)
	if !ok || !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") {
		return fmt.Errorf("scan event patterns: got %T, want the text of an array", src)
	}
	*p = strings.FieldsFunc(text[1:len(text)-1], func(r rune) bool { return r == ',' })
	return nil
}
