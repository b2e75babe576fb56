package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3"
)

func TestAKeyHas1To255Characters(t *testing.T) {
	t.Parallel()
	for length, valid := range map[int]bool{0: false, 1: true, 36: true, maxKey: true, maxKey + 1: false} {
		err := validateKey(strings.Repeat("k", length))
		if valid != (err == nil) {
			t.Errorf("a key of %d characters: got %v, want valid: %t", length, err, valid)
		}
		var refusal *fiber.Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Code != http.StatusBadRequest) {
			t.Errorf("a key of %d characters: got %v, want status 400", length, err)
		}
	}
}
