package models

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestANewKeyParsesAndVerifies(t *testing.T) {
	t.Parallel()
	merchant := NewID()
	key, text := NewAPIKey(merchant, KeyTerms{})
	id, hash, err := ParseAPIKey(text)
	if err != nil || id != key.ID || !IsAPIKeyID(id) || key.MerchantID != merchant {
		t.Fatalf("ParseAPIKey = %q, %v; the key is %q of %s", id, err, key.ID, key.MerchantID)
	}
	if !key.Verify(hash) {
		t.Error("a key does not verify its own secret")
	}
	if strings.Count(text, "_") != 3 {
		t.Errorf("%d underscores: splitting has more than one answer", strings.Count(text, "_"))
	}
	other, otherText := NewAPIKey(merchant, KeyTerms{})
	if other.ID == key.ID || otherText == text || other.Verify(hash) {
		t.Error("two keys have something in common")
	}
	if (APIKey{}).Verify(Secret{}) || (APIKey{}).Verify(Secret{hash: sha256.Sum256(nil)}) {
		t.Error("a key without a hash verifies something")
	}
}

func TestAKeyOpensOnlyUnderThePrefixThatItWasPrintedWith(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		key, text := NewAPIKey(NewID(), KeyTerms{Live: live})
		_, shown, err := ParseAPIKey(text)
		if want := map[bool]string{false: "sk_test_", true: "sk_live_"}[live]; err != nil || !strings.HasPrefix(text, want) || !key.Verify(shown) {
			t.Errorf("live %t: the key begins with %.8s, want %s (%v)", live, text, want, err)
		}
		swapped := strings.NewReplacer("sk_test_", "sk_live_", "sk_live_", "sk_test_").Replace(text)
		if _, shown, err = ParseAPIKey(swapped); err != nil || key.Verify(shown) {
			t.Errorf("live %t: the key opens under the other prefix (%v)", live, err)
		}
	}
}

func TestMalformedKeysAreRefusedWithoutShowingThem(t *testing.T) {
	t.Parallel()
	_, good := NewAPIKey(NewID(), KeyTerms{})
	for name, text := range map[string]string{
		"nothing":         "",
		"no prefix":       strings.TrimPrefix(good, "sk_test_"),
		"both prefixes":   "sk_test_" + strings.Replace(good, "test", "live", 1),
		"other prefix":    strings.Replace(good, "test", "prod", 1),
		"no secret":       good[:strings.LastIndex(good, "_")],
		"empty secret":    good[:strings.LastIndex(good, "_")+1],
		"one more":        good + "a",
		"one less":        good[:len(good)-1],
		"third part":      good + "_a",
		"upper case":      "sk_test_" + strings.ToUpper(good[8:]),
		"space":           good[:len(good)-1] + " ",
		"NUL":             good[:len(good)-1] + "\x00",
		"digit not in it": good[:len(good)-1] + "1",
	} {
		_, hash, err := ParseAPIKey(text)
		if !errors.Is(err, ErrMalformedAPIKey) || hash != (Secret{}) {
			t.Errorf("%s: got %v", name, err)
		}
		if len(text) > 8 && strings.Contains(err.Error(), text[8:]) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
}

func TestAKeyIsUsableUntilItIsRevokedOrExpires(t *testing.T) {
	t.Parallel()
	now := time.Now()
	past, future := now.Add(-time.Second), now.Add(time.Second)
	for name, c := range map[string]struct {
		key  APIKey
		want bool
	}{
		"plain":                   {APIKey{}, true},
		"expires later":           {APIKey{ExpiresAt: &future}, true},
		"expires now":             {APIKey{ExpiresAt: &now}, false},
		"expired":                 {APIKey{ExpiresAt: &past}, false},
		"revoked":                 {APIKey{RevokedAt: &past}, false},
		"revoked by a fast clock": {APIKey{RevokedAt: &future}, false},
	} {
		if c.key.Usable(now) != c.want {
			t.Errorf("%s: usable is %t", name, !c.want)
		}
	}
}

func TestMerchantNamesAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"A", "Café Żółw 東京", strings.Repeat("é", 200)} {
		if err := CheckMerchantName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "  ", "a\nb", "a\x1b[2Jb", "a\u202eb", "a\xffb", strings.Repeat("é", 201)} {
		if err := CheckMerchantName(name); !errors.Is(err, ErrMerchantName) {
			t.Errorf("%q: %v, want ErrMerchantName", name, err)
		}
	}
}

func TestJSONSurvivesItsColumn(t *testing.T) {
	t.Parallel()
	var null, text, raw JSON
	buffer := []byte(`{"a":1}`)
	if err := errors.Join(null.Scan(nil), text.Scan(`{"a":1}`), raw.Scan(buffer)); err != nil {
		t.Fatal(err)
	}
	buffer[0] = 'X' // the driver reuses it
	if null != nil || string(text) != `{"a":1}` || string(raw) != `{"a":1}` {
		t.Errorf("read %q, %q and %q", null, text, raw)
	}
	if value, err := text.Value(); value != `{"a":1}` || err != nil {
		t.Errorf("Value = %v (%T), %v; want a string", value, value, err)
	}
	if value, err := null.Value(); value != nil || err != nil {
		t.Errorf("Value of NULL = %v, %v", value, err)
	}
	if err := text.Scan(7); err == nil {
		t.Error("a number was read as JSON")
	}
}
