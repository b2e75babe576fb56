package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
)

// Tombstone is a line of a file of tombstones. Times are RFC 3339 in UTC with microseconds.
type Tombstone struct {
	MerchantID  string    `json:"merchant_id"`
	KeySHA256   string    `json:"key_sha256"`            // of the client's key, in hex
	Fingerprint string    `json:"fingerprint,omitempty"` // of the request, in hex: version byte, SHA-256
	Method      string    `json:"method,omitempty"`      // empty with path: the key was given up before a request had it
	Path        string    `json:"path,omitempty"`
	Operation   string    `json:"operation,omitempty"` // at the provider
	ClaimID     uuid.UUID `json:"claim_id"`            // with the key, names the record: a forgotten key may be used again
	Fence       int64     `json:"fence"`
	Status      int       `json:"status,omitempty"` // of the response, which is not kept
	Resource    *Resource `json:"resource,omitempty"`
	CreatedAt   string    `json:"created_at"`
	CompletedAt string    `json:"completed_at"`
	ExpiresAt   string    `json:"expires_at,omitempty"`  // when the response was no longer replayed
	CanceledAt  string    `json:"canceled_at,omitempty"` // when the key was given up
}

// Resource is what a request made or changed.
type Resource struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Event is a line of a file of events: what GET /v1/events/{id} shows, and what it leaves out.
type Event struct {
	MerchantID string `json:"merchant_id"`
	wire.Event
	RequestID string `json:"request_id,omitempty"`
	Epoch     int64  `json:"epoch"` // with xact and id, the place in the merchant's log
	Xact      int64  `json:"xact"`
}

func tombstoneLine(t postgres.Tombstone) Tombstone {
	line := Tombstone{
		MerchantID: merchantID(uuid.UUID(t.Tenant)), KeySHA256: hex.EncodeToString(t.KeyHash[:]), Method: t.Method, Path: withoutKey(t.Path),
		Operation: t.Operation, ClaimID: t.ClaimID, Fence: t.Fence, Status: t.Status,
		CreatedAt: wire.Time(t.CreatedAt), CompletedAt: wire.Time(t.CompletedAt), ExpiresAt: optional(t.ExpiresAt), CanceledAt: optional(t.CanceledAt),
	}
	if t.Fingerprint != ([33]byte{}) {
		line.Fingerprint = hex.EncodeToString(t.Fingerprint[:])
	}
	if t.Resource.Type != "" {
		line.Resource = &Resource{t.Resource.Type, uuid.UUID(t.Resource.ID).String()}
		if known := wire.NewResource(t.Resource.Type, t.Resource.ID); known != nil {
			line.Resource.ID = known.ID
		}
	}
	return line
}

func eventLine(e *models.Event) Event {
	line := Event{MerchantID: merchantID(e.MerchantID), Event: wire.NewEvent(e), Epoch: e.Epoch, Xact: e.Xact}
	if e.RequestID != nil {
		line.RequestID = *e.RequestID
	}
	return line
}

func merchantID(id uuid.UUID) string { return models.FormatID(models.PrefixMerchant, id) }

func optional(at *time.Time) string {
	if at == nil {
		return ""
	}
	return wire.Time(*at)
}

// withoutKey puts the key's hash into the path of a request that gave another key up, where the key itself stood.
func withoutKey(path string) string {
	rest, ok := strings.CutPrefix(path, wire.KeyPath(""))
	if !ok {
		return path
	}
	escaped, action, _ := strings.Cut(rest, "/")
	key, err := url.PathUnescape(escaped)
	if err != nil {
		key = escaped // no path that was routed
	}
	sum := sha256.Sum256([]byte(key))
	return strings.TrimSuffix(wire.KeyPath("sha256:"+hex.EncodeToString(sum[:]))+"/"+action, "/")
}
