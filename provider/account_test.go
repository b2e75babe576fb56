package provider_test

import (
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

func TestAccountFollowsFromTheKeyAndHidesIt(t *testing.T) {
	t.Parallel()
	account := func(key string) string {
		client, err := provider.New(provider.Config{URL: "http://127.0.0.1:1", SecretKey: key, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return client.Account()
	}
	one := account("sk_test_first_account")
	if one != account("sk_test_first_account") || one == account("sk_test_other_account") {
		t.Error("got an account that does not follow from its key alone")
	}
	if strings.Contains(one, "first") || len(one) != len("stripe:")+16 {
		t.Errorf("got %q, want stripe: and 16 digits", one)
	}
}
