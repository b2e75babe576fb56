package notifications

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/payonce/payonce/idempotency/seal"
	"github.com/payonce/payonce/models"
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
)

// The headers of Standard Webhooks 1.0.0 (standardwebhooks.com).
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// sign makes the signatures of a message, one per secret: v1,base64(HMAC-SHA256(secret, id.timestamp.body)), separated by spaces.
func sign(id string, at time.Time, body []byte, secrets []string) (string, error) {
	signatures := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
		if err != nil {
			return "", errors.New("a webhook secret is not base64") // and isn't shown
		}
		h := hmac.New(sha256.New, key)
		h.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		h.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	return strings.Join(signatures, " "), nil
}

// Secrets makes the secrets of endpoints, and seals them for their rows.
type Secrets struct{ box *seal.Box }

// NewSecrets seals with keys that are derived from the roots: the first seals, all open.
func NewSecrets(roots [][]byte) (*Secrets, error) {
	box, err := seal.New("webhook endpoint secrets", roots)
	if err != nil {
		return nil, fmt.Errorf("webhook secrets: %w", err)
	}
	return &Secrets{box}, nil
}

// New makes a secret for an endpoint: its text, which is shown once, and its sealed form.
func (s *Secrets) New(w *models.WebhookEndpoint) (text string, sealed []byte) {
	var key [secretBytes]byte
	_, _ = rand.Read(key[:]) // never fails since Go 1.24
	text = secretPrefix + base64.StdEncoding.EncodeToString(key[:])
	return text, s.box.Seal([]byte(text), row(w))
}

// Of are the secrets that sign what is sent to an endpoint now, the newest first.
func (s *Secrets) Of(w *models.WebhookEndpoint, now time.Time) ([]string, error) {
	sealed := [][]byte{w.Secret}
	if w.PreviousSecretUntil != nil && now.Before(*w.PreviousSecretUntil) {
		sealed = append(sealed, w.PreviousSecret)
	}
	secrets := make([]string, 0, len(sealed))
	for _, one := range sealed {
		text, err := s.box.Open(one, row(w))
		if err != nil {
			return nil, fmt.Errorf("open the secret of endpoint %s: %w", models.FormatID(models.PrefixWebhookEndpoint, w.ID), err)
		}
		secrets = append(secrets, string(text))
	}
	return secrets, nil
}

// again seals a secret under the present key; nil stays nil.
func (s *Secrets) again(w *models.WebhookEndpoint, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	text, err := s.box.Open(sealed, row(w))
	if err != nil {
		return nil, fmt.Errorf("open the secret of endpoint %s: %w", models.FormatID(models.PrefixWebhookEndpoint, w.ID), err)
	}
	return s.box.Seal(text, row(w)), nil
}

// row is the context of an endpoint's secrets.
func row(w *models.WebhookEndpoint) []byte {
	return append(append(make([]byte, 0, len(w.MerchantID)+len(w.ID)), w.MerchantID[:]...), w.ID[:]...)
}
