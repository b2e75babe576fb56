package redis

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestNewCacheRefusesSecretsThatCanBeGuessed(t *testing.T) {
	t.Parallel()
	long := []byte(strings.Repeat("s", minSecret))
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	for name, secrets := range map[string][][]byte{
		"none": nil, "no elements": {}, "empty": {{}}, "nil": {nil}, "short": {long[1:]}, "the second empty": {long, {}}, "the second short": {long, long[1:]},
	} {
		cause := panicked(func() { NewCache(client, Config{Secrets: secrets, Primary: newFixedPrimary()}).Close() })
		if !strings.Contains(cause, "secret") || strings.Contains(cause, "ssss") {
			t.Errorf("%s: got %q, want a panic that says so, without the secret", name, cause)
		}
	}
	if cause := panicked(func() { NewCache(client, Config{Secrets: [][]byte{long}}).Close() }); !strings.Contains(cause, "Primary") {
		t.Errorf("no authority: got %q", cause)
	}
	if cause := panicked(func() {
		NewCache(client, Config{Secrets: [][]byte{long, long}, Primary: newFixedPrimary()}).Close()
	}); cause != "" {
		t.Errorf("good secrets: %s", cause)
	}
}

func panicked(f func()) (cause string) {
	defer func() {
		if value := recover(); value != nil {
			cause = fmt.Sprint(value)
		}
	}()
	f()
	return ""
}
