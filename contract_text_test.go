package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// limited is a text that clients send, and how many characters of it are allowed.
type limited struct {
	name string
	most int
	send func(s *api, t *testing.T, key, text string) answer
}

func limits() []limited {
	order := func(member string) func(*api, *testing.T, string, string) answer {
		return func(s *api, t *testing.T, key, text string) answer {
			return s.do(t, call{method: "POST", path: "/v1/orders", key: key, body: `{"amount":100,"currency":"EUR",` + fmt.Sprintf(member, jsonString(text)) + `}`})
		}
	}
	return []limited{
		{"an order's reference", 128, order(`"reference":%s`)},
		{"an item's name", 200, func(s *api, t *testing.T, key, text string) answer {
			return s.do(t, call{
				method: "POST", path: "/v1/orders", key: key,
				body: `{"currency":"EUR","items":[{"name":` + jsonString(text) + `,"quantity":1,"unit_amount":100}]}`,
			})
		}},
		{"metadata's key", 40, order(`"metadata":{%s:"x"}`)},
		{"metadata's value", 500, order(`"metadata":{"x":%s}`)},
		{"a payment's description", 500, func(s *api, t *testing.T, key, text string) answer {
			paid := s.do(t, call{method: "POST", path: "/v1/orders", key: "order-of-" + key, body: goodOrder}).text(t, "id")
			return s.do(t, call{
				method: "POST", path: "/v1/payments", key: key,
				body: `{"order_id":"` + paid + `","payment_method":"pm_card_visa","capture_method":"automatic","description":` + jsonString(text) + `}`,
			})
		}},
	}
}

func jsonString(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// The handlers and the CHECKs count characters, not bytes: what is allowed is stored, and what is not is refused before
// PostgreSQL sees it.
func TestLimitsOfTextCountCharacters(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for n, l := range limits() {
		for m, character := range []string{"a", "é", "☃", "😀"} { // 1 to 4 bytes
			for length, want := range map[int]int{1: http.StatusCreated, l.most: http.StatusCreated, l.most + 1: http.StatusUnprocessableEntity} {
				got := l.send(s, t, fmt.Sprintf("text-%d-%d-%d", n, m, length), strings.Repeat(character, length))
				if got.status != want {
					t.Errorf("%s of %d x %s: got %d %s, want %d", l.name, length, character, got.status, got.body, want)
				}
			}
		}
	}
	merchants := service.Merchants(t, s.Options.DatabaseURL)
	for _, character := range []string{"é", "☃", "😀"} {
		for length, ok := range map[int]bool{models.MaxMerchantName: true, models.MaxMerchantName + 1: false} {
			if _, err := merchants.Create(t.Context(), strings.Repeat(character, length)); (err == nil) != ok {
				t.Errorf("a merchant's name of %d x %s: got %v, want it accepted: %t", length, character, err, ok)
			}
		}
	}
}

// What Go calls printable, in any script, no CHECK takes for a control character.
func TestPrintableCharactersAreNoControlCharactersToPostgres(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(stores.Database(t), postgres.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var all strings.Builder
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if unicode.IsPrint(r) {
			all.WriteRune(r)
		}
	}
	var refused bool
	var length int
	err = db.SQL().QueryRowContext(t.Context(), `SELECT $1::text ~ '[[:cntrl:]]', length($1::text)`, all.String()).Scan(&refused, &length)
	if err != nil || refused || length != utf8.RuneCountInString(all.String()) {
		t.Errorf("got refused: %t, %d characters, %v; want %d", refused, length, err, utf8.RuneCountInString(all.String()))
	}
}
