package operations

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/problem"
	"github.com/payonce/payonce/wire"
)

// render makes the response from the payment as it was settled: bytes that are stored and never made again.
func render(p *models.Payment, t truth) (*idempotency.Response, error) {
	id := models.FormatID(models.PrefixPayment, p.ID)
	response := &idempotency.Response{
		Resource: idempotency.Resource{Type: wire.TypePayment, ID: p.ID},
		Headers:  []idempotency.Header{{Name: "Content-Type", Value: "application/json; charset=utf-8"}, {Name: "Location", Value: wire.PaymentPath(id)}},
	}
	var document any = wire.NewPayment(p)
	switch p.Status {
	case models.PaymentProcessing:
		response.Status = http.StatusAccepted
	case models.PaymentFailed, models.PaymentCanceled:
		response.Status = http.StatusPaymentRequired
		response.Headers = []idempotency.Header{{Name: "Content-Type", Value: "application/problem+json"}}
		document = declinedProblem(id, t)
	default:
		response.Status = http.StatusCreated
	}
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode the payment: %w", err)
	}
	response.Body = body
	return response, nil
}

// declinedProblem is stored and replayed, so it names the payment and not the request: a request id would be another
// request's at the first replay.
func declinedProblem(id string, t truth) *problem.Problem {
	p := problem.New(problem.CodePaymentDeclined, "The payment was declined: "+declineReason(t.reason, "declined")+".")
	p.Instance, p.PaymentID, p.DeclineCode = wire.PaymentPath(id), id, declineReason(t.reason, "declined")
	return p
}
