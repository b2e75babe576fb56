package operations

import (
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

// truth is what the provider's answer means for a payment.
type truth struct {
	verdict   verdict
	reference string
	code      string // the provider's, for the row and for support; never a reason to act
	reason    string // of a declined payment, for the client
	actionURL string
	absent    bool // a look-up was answered, and the provider knows nothing of the operation
}

type verdict int

// The verdicts. The zero value claims nothing.
const (
	unknown    verdict = iota // stays processing until a look-up decides
	captured                  // the money was taken
	authorized                // the money is held
	action                    // the payer has to act
	declined                  // final, nothing was taken
	canceled                  // at the provider, nothing was taken
	refused                   // as a request, under a key that was sent before: final, nothing was taken
	review                    // the provider did something else than it was asked: a person decides
)

// judge maps a provider's result to what it means for a payment. Whatever is not listed is unknown.
func judge(p *models.Payment, result provider.Result) truth {
	t := truth{code: result.Code}
	if result.Intent != nil {
		t.reference, t.actionURL = result.Intent.Reference, result.Intent.NextActionURL
	}
	switch result.Outcome {
	case provider.Answered:
		if result.Intent == nil {
			return t
		}
		t.verdict = judgeIntent(p, result.Intent)
		if t.verdict == declined {
			t.reason = declineReason(result.Intent.DeclineCode, result.Intent.Code)
		}
	case provider.Declined:
		t.verdict, t.reason = declined, declineReason(result.DeclineCode, result.Code)
	case provider.NotFound:
		t.absent = true
	case provider.Unknown, provider.NotSent, provider.Refused, provider.Unauthorized:
	}
	return t
}

func judgeIntent(p *models.Payment, intent *provider.Intent) verdict {
	if id := intent.Metadata["payment_id"]; id != "" && id != models.FormatID(models.PrefixPayment, p.ID) {
		return unknown // somebody else's answer, mixed up on the way: the look-up decides
	}
	if intent.Amount != p.Amount || intent.Currency != p.Currency {
		return review
	}
	manual := p.CaptureMethod == models.CaptureManual
	switch intent.Status {
	case "succeeded":
		if manual || intent.AmountReceived != p.Amount {
			return review
		}
		return captured
	case "requires_capture":
		if !manual || intent.AmountCapturable != p.Amount {
			return review
		}
		return authorized
	case "requires_action":
		return action
	case "requires_payment_method":
		return declined
	case "canceled":
		return canceled
	}
	return unknown // processing, requires_confirmation, and whatever the provider invents
}

// declineReason is the most specific word the provider gave.
func declineReason(codes ...string) string {
	for _, code := range codes {
		if code != "" {
			return code
		}
	}
	return "card_declined"
}
