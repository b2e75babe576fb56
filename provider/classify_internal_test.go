package provider

import (
	"errors"
	"testing"
)

func TestClassifyIsOneTableForEveryKindOfObject(t *testing.T) {
	t.Parallel()
	const (
		card    = `{"error":{"type":"card_error","code":"card_declined"}}`
		invalid = `{"error":{"type":"invalid_request_error","code":"charge_already_refunded"}}`
	)
	for name, test := range map[string]struct {
		says reply
		want Outcome
	}{
		"the object":              {reply{status: 200, body: []byte(`{"object":"refund","id":"re_1","status":"pending","amount":1,"currency":"usd"}`)}, Answered},
		"another object":          {reply{status: 200, body: []byte(`{"object":"list"}`)}, Unknown},
		"a decline":               {reply{status: 402, body: []byte(card)}, Declined},
		"a decline of a gateway":  {reply{status: 402, body: []byte(invalid)}, Unknown},
		"a refusal":               {reply{status: 400, body: []byte(invalid)}, Refused},
		"a refusal of a gateway":  {reply{status: 400, body: []byte(`{}`)}, Unknown},
		"another key than ours":   {reply{status: 401, body: []byte(`{}`)}, Unauthorized},
		"too many requests":       {reply{status: 429, body: []byte(invalid)}, Unknown},
		"a failure":               {reply{status: 500, body: []byte(invalid)}, Unknown},
		"a request that was kept": {reply{err: errors.New("refused"), notSent: true}, NotSent},
		"a connection that broke": {reply{err: errors.New("reset")}, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.says.contentType = "application/json"
			got := new(Client).refunds().classify("refund", test.says)
			if got.Outcome != test.want || (got.Object != nil) != (test.want == Answered) {
				t.Errorf("got %s with %+v, want %s", got.Outcome, got.Object, test.want)
			}
		})
	}
}
