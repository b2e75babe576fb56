package proxy

import (
	"bytes"
	"strconv"
)

// The Redis serialization protocol, versions 2 and 3: https://redis.io/docs/latest/develop/reference/protocol-spec/

// respLength is the length of the first whole value in b, 0 when more is needed.
func respLength(b []byte) int {
	line := bytes.IndexByte(b, '\n') + 1
	if line < 3 {
		if line > 0 { // an empty line: an inline command, say
			return line
		}
		return 0
	}
	count, _ := strconv.Atoi(string(b[1 : line-2]))
	switch b[0] {
	case '$', '=', '!': // strings, verbatim strings, errors with a length; -1 is null
		if count < 0 {
			return line
		}
		if end := line + count + 2; len(b) >= end {
			return end
		}
		return 0
	case '*', '~', '>':
		return respItems(b, line, count)
	case '%':
		return respItems(b, line, 2*count)
	case '|': // attributes precede the value that they belong to
		return respItems(b, line, 2*count+1)
	}
	return line
}

// respItems is the length up to the end of count values from offset on.
func respItems(b []byte, offset, count int) int {
	for range count {
		n := respLength(b[offset:])
		if n == 0 {
			return 0
		}
		offset += n
	}
	return offset
}

// respWords are the words of a command: an array of strings, or an inline command.
func respWords(unit []byte) (words []string) {
	if unit[0] != '*' {
		for _, word := range bytes.Fields(unit) {
			words = append(words, string(word))
		}
		return words
	}
	for rest := unit[bytes.IndexByte(unit, '\n')+1:]; len(rest) > 0; {
		n := respLength(rest)
		if n == 0 {
			break
		}
		value, _ := respBulk(rest[:n])
		words = append(words, string(value))
		rest = rest[n:]
	}
	return words
}

// respBulk is the content of a string with a length; false for anything else, null included.
func respBulk(unit []byte) (value []byte, ok bool) {
	line := bytes.IndexByte(unit, '\n') + 1
	if unit[0] != '$' || line < 3 || len(unit) < line+2 {
		return nil, false
	}
	return unit[line : len(unit)-2], true
}

func bulk(value []byte) []byte {
	b := append([]byte("$"+strconv.Itoa(len(value))+"\r\n"), value...)
	return append(b, "\r\n"...)
}
