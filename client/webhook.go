package payonce

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far a webhook's timestamp may be off: what is older may be a copy that was taken on the way.
const Tolerance = 5 * time.Minute

// ErrSignature means that a webhook was not signed with any of the secrets, was altered, or is too old. Answer 401 or 400, and
// don't read its body.
var ErrSignature = errors.New("payonce: the webhook does not verify")

// VerifyWebhook verifies a webhook as Standard Webhooks 1.0.0 describes it (standardwebhooks.com) and returns its event. body
// is what came, byte for byte. While a secret is rotated, give the old one, too. An event arrives at least once: drop one
// whose ID was handled.
func VerifyWebhook(header http.Header, body []byte, secrets ...string) (*Event, error) {
	id, stamp := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" {
		return nil, fmt.Errorf("%w: its headers are not those of a webhook", ErrSignature)
	}
	if off := time.Since(time.Unix(seconds, 0)).Abs(); off > Tolerance {
		return nil, fmt.Errorf("%w: it was sent %s away from now", ErrSignature, off.Round(time.Second))
	}
	verified := false
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 {
			return nil, errors.New("payonce: a webhook secret is not whsec_ and base64") // and isn't shown
		}
		want := signature(key, id+"."+stamp+".", body)
		for given := range strings.FieldsSeq(header.Get("Webhook-Signature")) {
			verified = verified || hmac.Equal([]byte(given), []byte(want)) // in constant time
		}
	}
	if !verified {
		return nil, ErrSignature
	}
	event := &Event{}
	return event, decode(body, event)
}

func signature(key []byte, head string, body []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(head)) // a hash never fails
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}
