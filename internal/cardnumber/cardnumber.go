// Package cardnumber finds payment card numbers in text, so that they can be refused before they are stored or logged.
//
// It errs on the side of finding: one number in ten of the right length passes the check digit by chance, and a client
// that is told to leave such a number out loses less than one whose customer's card number ends up in a database.
package cardnumber

const (
	minDigits = 13 // ISO/IEC 7812-1 allows shorter ones, which no card scheme issues
	maxDigits = 19 // ISO/IEC 7812-1
)

// Find reports whether s holds 13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1 annex B), written together or in
// groups separated by single spaces or dashes. A number that starts with 0 is not a card number: no card
// scheme uses that digit. A candidate starts and ends with a group, so that a card number is found beside another number, and an
// unbroken run of 20 or more digits is no card number. Nor is what starts inside a UUID: one in four hundred would be
// refused otherwise, and they are what clients name their orders by. The cost is linear in the length of s.
func Find(s string) bool {
	for i := 0; i < len(s); i++ {
		if isUUID(s, i) {
			i += uuidLength - 1
			continue
		}
		if isDigit(s[i]) && (i == 0 || !isDigit(s[i-1])) && startsWithNumber(s[i:]) {
			return true
		}
	}
	return false
}

// startsWithNumber tries every end of a group that lies 13 to 19 digits after the start of s.
func startsWithNumber(s string) bool {
	if s[0] == '0' {
		return false
	}
	var digits [maxDigits]byte
	n := 0
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			if (s[i] != ' ' && s[i] != '-') || i+1 == len(s) || !isDigit(s[i+1]) {
				return false
			}
			continue
		}
		if n == maxDigits {
			return false
		}
		digits[n] = s[i] - '0'
		n++
		groupEnds := i+1 == len(s) || !isDigit(s[i+1])
		if groupEnds && n >= minDigits && luhn(digits[:n]) {
			return true
		}
	}
	return false
}

// luhn is the check of ISO/IEC 7812-1 annex B: from the right, every second digit counts double, less nine when that has
// two digits, and the sum ends in zero.
func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i])
		if i%2 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

const uuidLength = 36

// isUUID reports whether a UUID (RFC 9562 section 4) starts at i, by itself and with a letter in it: no card number is
// written like that, in groups of 8, 4, 4, 4 and 12.
func isUUID(s string, i int) bool {
	if len(s)-i < uuidLength || i > 0 && isAlphanumeric(s[i-1]) || i+uuidLength < len(s) && isAlphanumeric(s[i+uuidLength]) {
		return false
	}
	letters := 0
	for j := range uuidLength {
		c := s[i+j]
		switch j {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if lower := c | 0x20; 'a' <= lower && lower <= 'f' {
				letters++
			} else if !isDigit(c) {
				return false
			}
		}
	}
	return letters > 0
}

func isAlphanumeric(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
