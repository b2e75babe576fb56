package idempotency

import (
	"strings"
	"time"
)

const (
	// maxPreferBytes bounds what one Prefer line may cost to read; a longer line is ignored like a malformed one.
	maxPreferBytes = 4096
	// maxPreferWait caps the number, so that seconds never overflow a Duration. Callers apply their own, lower limit.
	maxPreferWait = time.Hour
)

// ParsePreferWait finds the `wait` preference (RFC 7240 section 4.3) in the lines of the Prefer header and returns it, 0 to
// 1 hour in whole seconds; more is cut to the hour. It reports false when there is none.
//
// A preference is never a reason to refuse a request (RFC 7240 section 2), so what is malformed is ignored. The name is
// matched without case, the value may be quoted, parameters are skipped. Only the first `wait` counts, even when its
// value makes no sense: a later one does not replace it.
func ParsePreferWait(values []string) (time.Duration, bool) {
	for _, line := range values {
		if len(line) > maxPreferBytes {
			continue
		}
		for line != "" {
			var preference string
			preference, line = cutUnquoted(line, ',')
			preference, _ = cutUnquoted(preference, ';')
			name, value, _ := strings.Cut(preference, "=")
			if strings.EqualFold(trimOWS(name), "wait") {
				return parseDeltaSeconds(trimOWS(value))
			}
		}
	}
	return 0, false
}

// cutUnquoted cuts at the first sep outside a quoted-string (RFC 9110 section 5.6.4). An unclosed quote reaches to the
// end of the line, so that nothing inside it is taken for a preference.
func cutUnquoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// parseDeltaSeconds reads delta-seconds (RFC 9111 section 1.2.2), plain or as a quoted-string, which RFC 7240 section 2
// defines to mean the same.
func parseDeltaSeconds(s string) (time.Duration, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	if s == "" {
		return 0, false
	}
	wait := time.Duration(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		wait = min(wait*10+time.Duration(s[i]-'0')*time.Second, maxPreferWait)
	}
	return wait, true
}

func trimOWS(s string) string { return strings.Trim(s, " \t") }
