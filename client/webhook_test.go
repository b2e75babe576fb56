package payonce_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	payonce "github.com/payonce/payonce/client"
)

const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
	oldSecret = "whsec_b2xkLXNlY3JldC1vZi10aGUtdGVzdHMtMzItYnl0ZXM="
)

// signed are the headers of a webhook, signed by the library of Standard Webhooks.
func signed(t *testing.T, id string, at time.Time, body string, secrets ...string) http.Header {
	t.Helper()
	header := http.Header{}
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	signatures := ""
	for _, secret := range secrets {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := w.Sign(id, at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		signatures += " " + signature
	}
	header.Set("webhook-signature", "v1a,AAAA "+signatures)
	return header
}

func TestAWebhookIsVerifiedBeforeItIsRead(t *testing.T) {
	t.Parallel()
	const body = `{"id":"evt_1","type":"payment.succeeded","data":{"id":"pay_1"}}`
	now := time.Now()
	without := func(name string) http.Header {
		h := signed(t, "evt_1", now, body, secret)
		h.Del(name)
		return h
	}
	renamed := signed(t, "evt_1", now, body, secret)
	renamed.Set("webhook-id", "evt_2")
	for name, test := range map[string]struct {
		header  http.Header
		body    string
		secrets []string
		ok      bool
	}{
		"as it was sent":                {signed(t, "evt_1", now, body, secret), body, []string{secret}, true},
		"while the secret is replaced":  {signed(t, "evt_1", now, body, secret, oldSecret), body, []string{oldSecret}, true},
		"by a receiver that knows both": {signed(t, "evt_1", now, body, oldSecret), body, []string{secret, oldSecret}, true},
		"four minutes old":              {signed(t, "evt_1", now.Add(-4*time.Minute), body, secret), body, []string{secret}, true},
		"six minutes old":               {signed(t, "evt_1", now.Add(-6*time.Minute), body, secret), body, []string{secret}, false},
		"from the future":               {signed(t, "evt_1", now.Add(6*time.Minute), body, secret), body, []string{secret}, false},
		"another body":                  {signed(t, "evt_1", now, body, secret), body + " ", []string{secret}, false},
		"another id":                    {renamed, body, []string{secret}, false},
		"another secret":                {signed(t, "evt_1", now, body, oldSecret), body, []string{secret}, false},
		"no secrets":                    {signed(t, "evt_1", now, body, secret), body, nil, false},
		"no id":                         {without("webhook-id"), body, []string{secret}, false},
		"no timestamp":                  {without("webhook-timestamp"), body, []string{secret}, false},
		"no signature":                  {without("webhook-signature"), body, []string{secret}, false},
	} {
		event, err := payonce.VerifyWebhook(test.header, []byte(test.body), test.secrets...)
		switch {
		case test.ok && (err != nil || event.ID != "evt_1" || event.Type != "payment.succeeded"):
			t.Errorf("%s: got %+v, %v; want the event", name, event, err)
		case !test.ok && (!errors.Is(err, payonce.ErrSignature) || event != nil):
			t.Errorf("%s: got %+v, %v; want ErrSignature", name, event, err)
		}
	}
	for _, bad := range []string{"", "whsec_", "whsec_%%"} {
		if _, err := payonce.VerifyWebhook(signed(t, "evt_1", now, body, secret), []byte(body), bad); err == nil || errors.Is(err, payonce.ErrSignature) {
			t.Errorf("the secret %q: got %v, want an error that names it as the reason", bad, err)
		}
	}
}
