package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/payonce/payonce/idempotency"
)

// storedHeader is a response header as the column headers (jsonb) keeps it. A header's value may be any bytes but line
// ends, for instance a file name in ISO 8859-1; jsonb holds Unicode text without U+0000 only, so others go in as base64.
type storedHeader struct {
	Name  string
	Value string
	Bytes []byte `json:",omitempty"` // instead of Value
}

func encodeHeaders(headers []idempotency.Header) (string, error) {
	stored := make([]storedHeader, len(headers))
	for i, h := range headers {
		stored[i] = storedHeader{Name: h.Name, Value: h.Value}
		if !utf8.ValidString(h.Value) || strings.Contains(h.Value, "\x00") {
			stored[i].Value, stored[i].Bytes = "", []byte(h.Value)
		}
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return "", fmt.Errorf("encode headers: %w", err)
	}
	return string(text), nil
}

// decodeHeaders reads them; empty text has none.
func decodeHeaders(text string) ([]idempotency.Header, error) {
	if text == "" {
		return nil, nil
	}
	var stored []storedHeader
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, fmt.Errorf("decode headers: %w", err)
	}
	headers := make([]idempotency.Header, len(stored))
	for i, h := range stored {
		headers[i] = idempotency.Header{Name: h.Name, Value: h.Value}
		if len(h.Bytes) > 0 {
			headers[i].Value = string(h.Bytes)
		}
	}
	return headers, nil
}
