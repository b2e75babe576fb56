package operations

import (
	"cmp"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

// interpret says what the provider's answer means for an authorization. What is not listed is Unknown.
func interpret(p *models.Payment, result provider.Result[provider.Intent]) Outcome {
	out := outcomeOf(result)
	if in := result.Object; in != nil {
		if !isOf(p, in) {
			return out // another payment's answer, mixed up on the way: not even its reference may be kept
		}
		out.Reference, out.ActionURL, out.Status = in.Reference, in.NextActionURL, in.Status
	}
	switch result.Outcome {
	case provider.Answered:
		if result.Object != nil {
			interpretShown(&out, p, result)
		}
	case provider.Declined:
		if endsUnpaid(result.Object) {
			out.Kind, out.Reason = Declined, declineReason(result.DeclineCode, result.Code)
		}
	case provider.NotFound:
		out.Absent = true
	case provider.Unknown, provider.NotSent, provider.Refused, provider.Unauthorized:
	}
	return out
}

// interpretShown is about an answer that shows one intent, or, after a look-up in the list, several. One of several may be the
// payment's when it took or holds the money; else they are for a person, and the list is looked at again: what ends one of them
// says nothing about the others.
func interpretShown(out *Outcome, p *models.Payment, result provider.Result[provider.Intent]) {
	in := result.Object
	out.Kind = interpretIntent(p, in)
	out.Untried = out.Kind == Unknown && untried(in)
	if out.Kind == Declined {
		out.Reason = declineReason(in.DeclineCode, in.Code)
	}
	for _, other := range result.Others {
		out.Others = append(out.Others, other.Reference)
	}
	if len(out.Others) > 0 && out.Kind != Succeeded {
		out.Others = append(out.Others, out.Reference)
		out.Kind, out.Untried, out.Reference = Review, false, ""
	}
}

// interpretIntent is the table of the provider's statuses. A status that can still move is Unknown.
func interpretIntent(p *models.Payment, in *provider.Intent) Kind {
	if in.Amount != p.Amount || in.Currency != p.Currency {
		return Review
	}
	manual := p.CaptureMethod == models.CaptureManual
	switch in.Status {
	case "succeeded":
		if manual || in.AmountReceived != p.Amount {
			return Review
		}
		return Succeeded
	case "requires_capture":
		if !manual || in.AmountCapturable != p.Amount || in.AmountReceived != 0 {
			return Review
		}
		return Succeeded
	}
	if in.AmountReceived != 0 || in.AmountCapturable != 0 {
		return Review // money moved, whatever the status says
	}
	switch in.Status {
	case "requires_action":
		return ActionRequired
	case "requires_payment_method":
		if in.Failed { // without an error nothing has been tried yet
			return Declined
		}
	case "canceled":
		return Canceled
	}
	return Unknown // requires_confirmation, processing, and whatever the provider invents
}

// untried reports whether the provider shows an intent that it has not begun to charge. Then, and only then, may it be
// canceled by us: a word that is not known could stand for money that is held.
func untried(in *provider.Intent) bool {
	return in.Status == "requires_confirmation" || (in.Status == "requires_payment_method" && !in.Failed)
}

// endsUnpaid reports whether the intent that came with a decline, if one came, agrees that nothing moves any more.
func endsUnpaid(in *provider.Intent) bool {
	if in == nil {
		return true
	}
	ended := in.Status == "requires_payment_method" || in.Status == "canceled"
	return ended && in.AmountReceived == 0 && in.AmountCapturable == 0
}

// isOf reports whether an intent belongs to the payment, as far as it says so.
func isOf(p *models.Payment, in *provider.Intent) bool {
	id := in.Metadata["payment_id"]
	return id == "" || id == models.FormatID(models.PrefixPayment, p.ID)
}

// declineReason is the most specific word the provider gave.
func declineReason(codes ...string) string {
	return cmp.Or(append(codes, "card_declined")...)
}
