package idempotency

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxNumberDigits bounds the digits that a number may be written with, leading and trailing zeros included.
	maxNumberDigits = 1000
	// maxNumberExponent bounds the power of ten of a number's normal form, in both directions.
	maxNumberExponent = 10000
)

// string copies the string at pos to out in its one minimal spelling: escapes for the quote, the backslash and control
// characters (the short ones where RFC 8259 section 7 has them, else \u00xx in lower case), everything else as itself.
func (s *scanner) string() *SyntaxError {
	s.out = append(s.out, '"')
	s.pos++
	for {
		run := s.pos
		for s.pos < len(s.in) && isPlain(s.in[s.pos]) {
			s.pos++
		}
		s.out = append(s.out, s.in[run:s.pos]...)
		if s.pos == len(s.in) {
			return s.fail("the text ends inside a string")
		}
		switch c := s.in[s.pos]; {
		case c == '"':
			s.pos++
			s.out = append(s.out, '"')
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < 0x20:
			return s.fail(fmt.Sprintf("the control character 0x%02x stands in a string: write it as \\u%04x", c, c))
		default:
			r, size := utf8.DecodeRune(s.in[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return s.fail("a string is not valid UTF-8")
			}
			s.out = append(s.out, s.in[s.pos:s.pos+size]...)
			s.pos += size
		}
	}
}

func (s *scanner) escape() *SyntaxError {
	if s.pos+1 == len(s.in) {
		return s.fail("the text ends inside an escape")
	}
	c := s.in[s.pos+1]
	if c == 'u' {
		r, err := s.unicodeEscape()
		if err == nil {
			s.out = appendEscaped(s.out, r)
		}
		return err
	}
	r := unescapeShort(c)
	if r < 0 {
		return s.fail("a string has an escape that JSON does not know")
	}
	s.pos += 2
	s.out = appendEscaped(s.out, r)
	return nil
}

// unicodeEscape reads \uXXXX, or the two of them that make a surrogate pair.
func (s *scanner) unicodeEscape() (rune, *SyntaxError) {
	r := hexRune(s.in[s.pos:])
	if r < 0 {
		return 0, s.fail(`\u is not followed by four hexadecimal digits`)
	}
	size := 6
	if utf16.IsSurrogate(r) {
		r = utf16.DecodeRune(r, hexRune(s.in[s.pos+6:]))
		if r == utf8.RuneError {
			return 0, s.fail("a string has half of a surrogate pair")
		}
		size = 12
	}
	s.pos += size
	return r, nil
}

// hexRune is the code unit that \uXXXX at the start of b stands for, or -1.
func hexRune(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	r := rune(0)
	for _, c := range b[2:6] {
		if !isHex(c) {
			return -1
		}
		r = r<<4 | rune(hexValue(c))
	}
	return r
}

// unescapeShort is what the byte after a backslash stands for, or -1. It leaves \u to its caller.
func unescapeShort(c byte) rune {
	switch c {
	case '"', '\\', '/':
		return rune(c)
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return -1
}

// appendEscaped is the inverse of unescapeShort and hexRune, in the canonical spelling.
func appendEscaped(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	if r < 0x20 {
		return append(b, '\\', 'u', '0', '0', '0'+byte(r>>4), "0123456789abcdef"[r&15])
	}
	return utf8.AppendRune(b, r)
}

// compareNames orders two names in canonical spelling by the bytes they stand for. Only an escape can make that order
// differ from the order of the spellings.
func compareNames(a, b []byte) int {
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return bytes.Compare(a, b)
	}
	return bytes.Compare([]byte(decodeName(a)), []byte(decodeName(b)))
}

// decodeName is the text that a string in canonical spelling (without quotes) stands for.
func decodeName(b []byte) string {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] != '\\':
			out = append(out, b[i])
		case b[i+1] == 'u':
			out = append(out, byte(hexRune(b[i:])))
			i += 5
		default:
			out = append(out, byte(unescapeShort(b[i+1])))
			i++
		}
	}
	return string(out)
}

// number copies the number at pos to out in its normal form: "0", or an optional minus sign, the significant digits
// without leading and trailing zeros, and "e" with the power of ten unless that is zero (1900 is 19e2, 0.5 is 5e-1).
func (s *scanner) number() *SyntaxError {
	start := s.pos
	negative := s.accept('-')
	whole := s.digits()
	if len(whole) == 0 {
		return s.unexpected("a digit")
	}
	if whole[0] == '0' && len(whole) > 1 {
		s.pos = start
		return s.fail("a number starts with a superfluous zero")
	}
	var fraction []byte
	if s.accept('.') {
		if fraction = s.digits(); len(fraction) == 0 {
			return s.unexpected("a digit after the decimal point")
		}
	}
	exponent, err := s.exponent()
	if err != nil {
		return err
	}
	if len(whole)+len(fraction) > maxNumberDigits {
		s.pos = start
		return s.fail(fmt.Sprintf("a number has more than %d digits", maxNumberDigits))
	}
	if !s.appendNumber(negative, whole, fraction, exponent) {
		s.pos = start
		return s.fail(fmt.Sprintf("a number's power of ten is beyond %d", maxNumberExponent))
	}
	return nil
}

// exponent reads the optional power of ten. It stops counting far beyond the limit, which appendNumber checks: what
// counts there is the power of the normal form.
func (s *scanner) exponent() (int, *SyntaxError) {
	if !s.accept('e') && !s.accept('E') {
		return 0, nil
	}
	negative := s.accept('-')
	if !negative {
		s.accept('+')
	}
	digits := s.digits()
	if len(digits) == 0 {
		return 0, s.unexpected("a digit of the exponent")
	}
	n := 0
	for _, c := range digits {
		n = min(n*10+int(c-'0'), 100*maxNumberExponent)
	}
	if negative {
		n = -n
	}
	return n, nil
}

// appendNumber appends the normal form of whole.fraction × 10^exponent; false when its power of ten is out of bounds.
func (s *scanner) appendNumber(negative bool, whole, fraction []byte, exponent int) bool {
	start := len(s.out)
	if negative {
		s.out = append(s.out, '-')
	}
	first := len(s.out)
	if whole[0] != '0' {
		s.out = append(s.out, whole...)
	} else if len(fraction) > 0 {
		exponent -= len(fraction)
		fraction = bytes.TrimLeft(fraction, "0")
		exponent += len(fraction) // counted again below, with the digits that are left
	}
	s.out = append(s.out, fraction...)
	exponent -= len(fraction)
	written := len(s.out)
	for len(s.out) > first && s.out[len(s.out)-1] == '0' {
		s.out = s.out[:len(s.out)-1]
	}
	if len(s.out) == first { // nothing but zeros, whatever the sign and the exponent
		s.out = append(s.out[:start], '0')
		return true
	}
	exponent += written - len(s.out)
	if exponent != 0 {
		s.out = strconv.AppendInt(append(s.out, 'e'), int64(exponent), 10)
	}
	return -maxNumberExponent <= exponent && exponent <= maxNumberExponent
}

func (s *scanner) digits() []byte {
	start := s.pos
	for s.pos < len(s.in) && isDigit(s.in[s.pos]) {
		s.pos++
	}
	return s.in[start:s.pos]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isPlain reports whether a byte of a string stands for itself: ASCII that needs no escape.
func isPlain(c byte) bool { return 0x20 <= c && c < utf8.RuneSelf && c != '"' && c != '\\' }
