package cardnumber_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/cardnumber"
)

// FuzzFind holds the one pass over a text to the definition, tried on every piece of it.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		"4242424242424242", "4242 4242 4242 4242", "12 4242-4242-4242-4242 7", "42424242424242420", "0000000000000000", "6304000000000000000",
		"4222222222222", "1  4242424242424242", "x4242424242424242", "4242424242424242-", "４２４２", "2026-4242424242424242",
		"aaaa4242-4242-4242-4242-aaaaaaaaaaaa", "1-aaaa4242-4242-4242-4242-aaaaaaaaaaaa 4242-4242-4242-4242", "0aaaa4242-4242-4242-4242-aaaaaaaaaaaa",
	} {
		f.Add(seed)
	}
	groups := regexp.MustCompile(`^[1-9][0-9]*([ -][0-9]+)*$`)
	uuid := regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 80 { // the judge's time grows with the square
			text = text[:80]
		}
		if want := anyPiece(text, groups, uuid); cardnumber.Find(text) != want {
			t.Errorf("Find(%q) = %v", text, !want)
		}
	})
}

func anyPiece(text string, groups, uuid *regexp.Regexp) bool {
	for from := range len(text) {
		if insideUUID(text, from, uuid) {
			continue
		}
		for to := from + 13; to <= len(text); to++ {
			cut := from > 0 && digit(text[from-1]) || to < len(text) && digit(text[to]) // a piece of a longer run
			if piece := text[from:to]; !cut && groups.MatchString(piece) && valid(strings.NewReplacer(" ", "", "-", "").Replace(piece)) {
				return true
			}
		}
	}
	return false
}

// insideUUID says whether a place lies in a UUID that stands by itself and has a letter.
func insideUUID(text string, at int, uuid *regexp.Regexp) bool {
	word := regexp.MustCompile(`[0-9A-Za-z]`)
	for start := max(0, at-35); start <= at; start++ {
		end := start + 36
		if end <= len(text) && uuid.MatchString(text[start:end]) && strings.ContainsAny(text[start:end], "abcdefABCDEF") &&
			(start == 0 || !word.MatchString(text[start-1:start])) && (end == len(text) || !word.MatchString(text[end:end+1])) {
			return true
		}
	}
	return false
}

// valid is the check of ISO/IEC 7812-1 annex B by the table of doubled digits.
func valid(number string) bool {
	if len(number) < 13 || len(number) > 19 {
		return false
	}
	sum := 0
	for i := range number {
		d := int(number[i] - '0')
		if (len(number)-i)%2 == 0 {
			d = []int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}[d]
		}
		sum += d
	}
	return sum%10 == 0
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
