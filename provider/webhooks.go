package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// SignatureTolerance is how far the time in a signature may be from now: an older event may be one that was recorded and is
// played again.
const SignatureTolerance = 5 * time.Minute

// maxSignatures bounds how many signatures of a header are compared.
const maxSignatures = 16

var (
	// ErrSignature means that a notification was not signed with one of the secrets, was altered, or is not of now.
	ErrSignature = errors.New("the Stripe-Signature header doesn't fit the body, or its time is more than 5 minutes from now")
	// ErrEvent means that a notification is no event.
	ErrEvent = errors.New("the body is not an event")
)

// Sign makes the Stripe-Signature header of a body: the time, and the HMAC-SHA-256 of the time, a dot and the body under the
// secret as it is written (Stripe, "Verify webhook signatures manually").
func Sign(body []byte, secret string, at time.Time) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(signature(body, secret, seconds))
}

func signature(body []byte, secret, seconds string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}

// Verify returns [ErrSignature] unless a header has a signature of the body under one of the secrets: two are in use while the
// provider's is replaced. Without secrets nothing is accepted.
func Verify(header string, body []byte, secrets []string, now time.Time) error {
	seconds := ""
	var signatures [][]byte
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			seconds = value
		case "v1":
			if sum, err := hex.DecodeString(value); err == nil && len(signatures) < maxSignatures {
				signatures = append(signatures, sum)
			}
		}
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > SignatureTolerance {
		return ErrSignature
	}
	for _, secret := range secrets {
		want := signature(body, secret, seconds)
		for _, sum := range signatures {
			if hmac.Equal(want, sum) {
				return nil
			}
		}
	}
	return ErrSignature
}

// Event is a notification of the provider's. Events come late, twice and in any order, so what one says is a reason to ask
// and no answer.
type Event struct {
	ID, Type string
	// Account is the connected account that the event is of; "" is our own.
	Account string
	// Created is the provider's clock, in whole seconds, UTC.
	Created time.Time
	// One of Intent and Refund is what the event is about; neither where it is about something else, of which only the metadata is read.
	Intent   *Intent
	Refund   *Refund
	Metadata map[string]string
}

type wireEvent struct {
	Object  string `json:"object"`
	ID      string `json:"id"`
	Type    string `json:"type"`
	Account string `json:"account"`
	Created int64  `json:"created"`
	Data    struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

// maxCreated is the end of the year 9999, in seconds since 1970.
const maxCreated = 253402300799

func isEventType(s string) bool {
	return s != "" && len(s) <= 100 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_.") == ""
}

// ParseEvent reads the body of a notification whose signature was verified.
func (c *Client) ParseEvent(body []byte) (*Event, error) {
	var w wireEvent
	if err := json.Unmarshal(body, &w); err != nil || w.Object != "event" || !isReference(w.ID) || !isEventType(w.Type) || w.Created < 0 || w.Created > maxCreated {
		return nil, ErrEvent
	}
	e := &Event{ID: w.ID, Type: w.Type, Account: w.Account, Created: time.Unix(w.Created, 0).UTC()}
	var about struct {
		Object   string            `json:"object"`
		Metadata map[string]string `json:"metadata"`
	}
	if err := json.Unmarshal(w.Data.Object, &about); err != nil {
		return e, nil //nolint:nilerr // about something that payonce has nothing to do with
	}
	e.Metadata = about.Metadata
	var err error
	switch about.Object {
	case "payment_intent":
		e.Intent, err = c.parseIntent(w.Data.Object)
	case "refund":
		e.Refund, err = c.parseRefund(w.Data.Object)
	}
	if err != nil {
		return nil, ErrEvent
	}
	return e, nil
}
