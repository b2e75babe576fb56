package wire_test

import (
	"bytes"
	"testing"

	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
)

// The texts are what Postgres makes of a jsonb: members by length, spaces, escapes undone.
func TestMetadataIsShownSortedByTheBytesOfItsNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``: `{}`, `{}`: `{}`,
		`{"b": "1", "aa": "2"}`:                    `{"aa":"2","b":"1"}`,
		`{"é": "1", "z": "2", "Z": "3"}`:           `{"Z":"3","z":"2","é":"1"}`,
		"{\"a\": \"<b>&\", \"b\": \"\u2028\"}":     `{"a":"<b>&","b":"\u2028"}`,
		"{\"\U0001F600\": \"\", \"\uffff\": \"\"}": "{\"\uffff\":\"\",\"\U0001F600\":\"\"}", // by UTF-8, not by UTF-16
		`{"a": "\u0007\b\f\n\r\t\"\\/"}`:           `{"a":"\u0007\b\f\n\r\t\"\\/"}`,
	} {
		var column models.JSON
		if text != "" {
			column = models.JSON(text)
		}
		order, err := wire.NewOrder(&models.Order{Metadata: column})
		if err != nil || string(order.Metadata) != want {
			t.Errorf("an order's %s: got %s, %v; want %s", text, order.Metadata, err, want)
		}
		if got := string(wire.NewPayment(&models.Payment{Metadata: column}).Metadata); got != want {
			t.Errorf("a payment's %s: got %s, want %s", text, got, want)
		}
	}
}

func TestAnEventShowsItsResourceAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, resourceType, text, want string }{
		{
			"members come in the order of the document", wire.TypeOrder,
			`{"id": "ord_1", "items": [{"name": "a<", "quantity": 2, "unit_amount": 9007199254740993}], "amount": 1, "metadata": {"b": "", "aa": ""}, "reference": null}`,
			`{"id":"ord_1","reference":null,"amount":1,"items":[{"name":"a<","quantity":2,"unit_amount":9007199254740993}],"metadata":{"aa":"","b":""}}`,
		},
		{
			"an object within", wire.TypePayment, `{"id": "pay_1", "next_action": {"redirect_url": "https://a/?b&c", "type": "redirect_to_url"}}`,
			`{"id":"pay_1","next_action":{"type":"redirect_to_url","redirect_url":"https://a/?b&c"}}`,
		},
		{
			"members of a newer release follow", wire.TypePayment, `{"new": {"b": 1, "aa": [true, {"y": 1, "x": 2.50}]}, "also": 1e3, "status": "paid"}`,
			`{"status":"paid","also":1e3,"new":{"aa":[true,{"x":2.50,"y":1}],"b":1}}`,
		},
		{"another kind of resource", "refund", `{"b": 1, "a": null}`, `{"a":null,"b":1}`},
	} {
		event := wire.NewEvent(&models.Event{ResourceType: test.resourceType, Data: models.JSON(test.text)})
		if string(event.Data) != test.want {
			t.Errorf("%s: got\n%s, want\n%s", test.name, event.Data, test.want)
		}
	}
}

// A stored problem (402) is encoded by Encode, and all others by themselves: package problem stands below this one.
func TestProblemsAreEncodedLikeDocuments(t *testing.T) {
	t.Parallel()
	p := problem.New(problem.CodeMalformedRequest, "<b> & 'q' \" \u2028 \x07 é").WithLink("order", "/v1/orders/<&>").
		WithErrors(problem.FieldError{Pointer: "/<&>", Code: "syntax", Detail: "\U0001F600"})
	want, err := wire.Encode(p)
	if got := p.Body(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %s; want %s, %v", got, want, err)
	}
}
