package cardnumber_test

import (
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/cardnumber"
)

func TestCardNumbersAreFound(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"alone":                          "4242424242424242",
		"in groups":                      "4242 4242 4242 4242",
		"with dashes":                    "4242-4242-4242-4242",
		"in uneven groups":               "3782-822463 10005",
		"13 digits":                      "4222222222222",
		"15 digits":                      "378282246310005",
		"19 digits":                      "6304000000000000018"[:18] + "8",
		"in a sentence":                  "my card is 5555555555554444, thanks",
		"between letters":                "card4242424242424242x",
		"beside a number before it":      "12 4242424242424242",
		"beside a number behind it":      "4242424242424242 12/34",
		"behind a number and a dash":     "2026-4242424242424242",
		"behind a run that is too long":  strings.Repeat("1", 40) + ", 4242424242424242",
		"after a double space":           "1  4242424242424242",
		"in text that is not ASCII":      "Kärtli 4242424242424242 ü",
		"before a dash that ends a word": "4242424242424242-",
		"behind a UUID":                  "0193558a-7c5e-8a31-9d0b-1f2e3d4c5b6a 4242424242424242",
		"before a UUID":                  "4242424242424242-0193558a-7c5e-8a31-9d0b-1f2e3d4c5b6a",
		"in what is longer than a UUID":  "aaaaa4242-4242-4242-4242-aaaaaaaaaaaa",
		"in a UUID without a letter":     "42424242-4242-4242-0000-000000000000",
	} {
		if !cardnumber.Find(text) {
			t.Errorf("%s: %q holds a card number that was not found", name, text)
		}
	}
}

func TestOtherTextsAreLeftAlone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                      "",
		"a wrong check digit":          "4242424242424241",
		"12 digits":                    "424242424242",
		"an unbroken run of 20 digits": "42424242424242424242",
		"a number from zero":           "0000000000000000",
		"two separators between":       "4242  4242  4242  4242",
		"another separator":            "4242.4242.4242.4242",
		"an id in hexadecimal":         "0193558a-7c5e-8a31-9d0b-1f2e3d4c5b6a",
		"a time":                       "2026-11-23T10:30:00.123456Z",
		"words":                        "thank you for the tea",
		"a UUID":                       "aaaa4242-4242-4242-4242-aaaaaaaaaaaa",
		"a UUID in upper case":         "order-AAAA4242-4242-4242-4242-AAAAAAAAAAAA.",
		"two UUIDs":                    "aaaa4242-4242-4242-4242-aaaaaaaaaaaa-aaaa4242-4242-4242-4242-aaaaaaaaaaaa",
	} {
		if cardnumber.Find(text) {
			t.Errorf("%s: %q was taken for a card number", name, text)
		}
	}
}

func TestEveryWrongCheckDigitIsNoticed(t *testing.T) {
	t.Parallel()
	for digit := range 10 {
		text := "424242424242424" + string(rune('0'+digit))
		if cardnumber.Find(text) != (digit == 2) {
			t.Errorf("Find(%s) = %v", text, digit != 2)
		}
	}
}
