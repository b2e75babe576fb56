package models

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// DiscrepancyNotFound is the kind of a finding about an operation that the provider doesn't know and that is too old to be sent
// again. The other kinds decide nothing here, and stand where they are found.
const DiscrepancyNotFound = "not_found_at_provider"

// DiscrepancyAction is what a person decides about a finding.
type DiscrepancyAction string

// The actions.
const (
	// ActionAcceptProviderState has the operation looked up now. What the provider shows is stored as soon as it is clear, and
	// that closes the finding.
	ActionAcceptProviderState DiscrepancyAction = "accept_provider_state"
	// ActionMarkFailed ends an operation that the provider doesn't know: at the next look-up that says so once more.
	ActionMarkFailed DiscrepancyAction = "mark_failed"
	// ActionNoted closes the finding and changes nothing else.
	ActionNoted DiscrepancyAction = "noted"
)

var (
	// ErrDiscrepancyResolved means that nothing is left to decide.
	ErrDiscrepancyResolved = errors.New("the discrepancy is resolved already")
	// ErrActionNotPossible means that an action can't do what it says for this finding.
	ErrActionNotPossible = errors.New("this action is not possible here")
)

// Discrepancy is something that the provider's book and ours disagree on. A person resolves it; no code guesses.
type Discrepancy struct {
	MerchantID     uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID             uuid.UUID `gorm:"primaryKey;type:uuid"` // derived from what was found, so that it is found once
	Kind           string
	Operation      *Operation // that it is about; nil: none of ours
	OperationID    *uuid.UUID `gorm:"type:uuid"`
	PaymentID      *uuid.UUID `gorm:"type:uuid"`
	Details        JSON       `gorm:"not null"`
	Decision       *DiscrepancyAction
	DecisionReason *string
	DecidedBy      *string // id of the API key
	DecidedAt      *time.Time
	Resolution     *string   // how it ended
	Version        int       `gorm:"default:1"`
	FoundAt        time.Time `gorm:"default:now()"`
	ResolvedAt     *time.Time
}

// PublicID is the finding's id as clients see it.
func (d Discrepancy) PublicID() string { return FormatID(PrefixDiscrepancy, d.ID) }

// Decide notes a person's decision. attempt is the newest call to the provider for the operation; nil when there is none. Only
// noting resolves the finding here: the other actions are done when the provider was asked.
func (d *Discrepancy) Decide(action DiscrepancyAction, reason, apiKeyID string, now time.Time, attempt *ProviderAttempt) error {
	if d.ResolvedAt != nil {
		return ErrDiscrepancyResolved
	}
	if obstacle := d.obstacle(action, attempt); obstacle != "" {
		return fmt.Errorf("%w: %s", ErrActionNotPossible, obstacle)
	}
	d.Decision, d.DecisionReason, d.DecidedBy, d.DecidedAt = &action, &reason, &apiKeyID, &now
	if action == ActionNoted {
		how := "noted"
		d.Resolution, d.ResolvedAt = &how, &now
	}
	return nil
}

// obstacle says why an action can't do what it says. Money is never freed by a word alone: only what the provider doesn't know,
// and never gave us a reference for, may be marked failed.
func (d *Discrepancy) obstacle(action DiscrepancyAction, attempt *ProviderAttempt) string {
	switch {
	case action == ActionNoted:
		return ""
	case attempt == nil || attempt.NextCheckAt == nil:
		return "nothing of it is looked up at the provider any more"
	case action == ActionAcceptProviderState:
		return ""
	case d.Kind != DiscrepancyNotFound:
		return "only what the provider doesn't know can be marked failed; refund or cancel at the provider what it has"
	case !attempt.Status.Open() || attempt.ProviderReference != nil:
		return "the provider has known it, so money may have moved"
	}
	return ""
}
