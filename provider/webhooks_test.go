package provider_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

func TestASignatureHoldsForItsBodyItsSecretAndItsTime(t *testing.T) {
	t.Parallel()
	now, body := time.Unix(1_800_000_000, 0), []byte(`{"id":"evt_1"}`)
	good := provider.Sign(body, "new", now)
	// Made by hand: printf '%s' '1800000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac new
	if !strings.HasPrefix(good, "t=1800000000,v1=") || len(good) != len("t=1800000000,v1=")+64 {
		t.Errorf("the header is %q", good)
	}
	secrets := []string{"old", "new"}
	for name, header := range map[string]string{
		"as it was made":         good,
		"with another scheme":    good + ",v0=abc",
		"with spaces":            strings.Replace(good, ",", ", ", 1),
		"under the old secret":   provider.Sign(body, "old", now),
		"beside another one":     "t=1800000000,v1=" + strings.Repeat("00", 32) + "," + strings.Split(good, ",")[1],
		"almost 5 minutes old":   provider.Sign(body, "new", now.Add(-provider.SignatureTolerance)),
		"almost 5 minutes ahead": provider.Sign(body, "new", now.Add(provider.SignatureTolerance)),
	} {
		if err := provider.Verify(header, body, secrets, now); err != nil {
			t.Errorf("a signature %s: got %v, want none", name, err)
		}
	}
	for name, header := range map[string]string{
		"nothing": "", "no time": strings.Split(good, ",")[1], "no signature": "t=1800000000", "another scheme alone": strings.Replace(good, "v1", "v0", 1),
		"another time": strings.Replace(good, "t=1800000000", "t=1800000001", 1), "a time that is none": strings.Replace(good, "t=1800000000", "t=now", 1),
		"an unknown secret": provider.Sign(body, "other", now), "an empty secret": provider.Sign(body, "", now), "half of it": good[:len(good)-32],
		"too old": provider.Sign(body, "new", now.Add(-provider.SignatureTolerance-time.Second)),
		"ahead":   provider.Sign(body, "new", now.Add(provider.SignatureTolerance+time.Second)),
	} {
		if err := provider.Verify(header, body, secrets, now); !errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s: got %v, want ErrSignature", name, err)
		}
	}
	if err := provider.Verify(good, []byte(`{"id":"evt_2"}`), secrets, now); !errors.Is(err, provider.ErrSignature) {
		t.Errorf("another body: got %v, want ErrSignature", err)
	}
	if err := provider.Verify(good, body, nil, now); !errors.Is(err, provider.ErrSignature) {
		t.Errorf("without secrets: got %v, want ErrSignature", err)
	}
}
