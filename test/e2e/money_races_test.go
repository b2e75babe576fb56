package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// money is what a payment shows.
type money struct {
	Status           string
	AmountAuthorized int64 `json:"amount_authorized"`
	AmountCaptured   int64 `json:"amount_captured"`
	AmountRefunded   int64 `json:"amount_refunded"`
}

// races are one merchant's requests at two replicas.
type races struct {
	*shop
	replica *service.Service
	at      [2]*service.Client
}

// payment makes a payment of 19.99 EUR and returns its path.
func (r *races) payment(c *service.Client, method string) string {
	r.t.Helper()
	order := c.CreateOrder()
	body := fmt.Sprintf(`{"order_id":%q,"payment_method":"pm_card_visa","capture_method":%q}`, order, method)
	resp := c.Post("/v1/payments", "pay-"+order, body)
	service.Wants(r.t, "the payment", resp, http.StatusCreated, "")
	return "/v1/payments/" + resp.Field("id")
}

func (r *races) shows(t *testing.T, payment string, want money) {
	t.Helper()
	var got money
	r.Get(payment).JSON(t, &got)
	if got != want {
		t.Errorf("%s: got %+v, want %+v", payment, got, want)
	}
}

// patient asks until there is an answer that is not "in flight": the next request has its turn.
func (r *races) patient(t *testing.T, i int, path, key, body string) service.Response {
	return patient(t, r.at[i%2], path, key, body)
}

func patient(t *testing.T, c *service.Client, path, key, body string) (resp service.Response) {
	service.Until(t, key+" is answered", func() bool {
		resp = c.Post(path, key, body)
		return resp.Err == nil && !strings.Contains(string(resp.Body), `"retryable":true`)
	})
	return resp
}

func wantsStatuses(t *testing.T, answers []service.Response, want map[int]int) {
	t.Helper()
	got := service.Statuses(answers)
	for status, n := range got {
		if n != want[status] {
			t.Errorf("got the statuses %v, want %v", got, want)
			for _, resp := range answers {
				if want[resp.Status] == 0 {
					t.Log(resp)
				}
			}
			return
		}
	}
}

// TestRacesForMoneyNeverExceedALimit lets requests on one payment meet, at two replicas. As many succeed as fit, and no limit is passed.
func TestRacesForMoneyNeverExceedALimit(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: map[string]string{"RATE_LIMIT": "off"}})
	r := &races{shop: s, replica: s.service.Replica(map[string]string{"RATE_LIMIT": "off"})}
	r.at = [2]*service.Client{s.Client, s.At(r.replica)}
	for name, race := range map[string]func(*testing.T, *races){
		"20 refunds that fit":         refundsThatFit,
		"20 refunds of which 19 fit":  refundsBeyond,
		"20 captures of which 19 fit": capturesBeyond,
		"a capture and a cancel":      captureAgainstCancel,
		"refunds during captures":     refundsDuringCaptures,
		"one key 20 times":            oneKeyOften,
		"two merchants":               twoMerchants,
		"a refund and a key cancel":   refundAgainstKeyCancel,
	} {
		t.Run(name, func(t *testing.T) { race(t, r) })
	}
	s.check()
	for _, replica := range []*service.Service{s.service, r.replica} {
		if log := replica.Log(); strings.Contains(log, "ALERT") {
			t.Errorf("an alert stands in the log:\n%s", log)
		}
	}
}

// refunds asks for 20 at once. One that a busy machine has no time for is asked for again, under its key.
func (r *races) refunds(t *testing.T, payment, amount string) []service.Response {
	return service.AtOnce(20, func(i int) service.Response {
		return r.patient(t, i, payment+"/refunds", fmt.Sprint(payment, "-refund-", i), `{"amount":`+amount+`}`)
	})
}

func refundsThatFit(t *testing.T, r *races) {
	payment := r.payment(r.Client, "automatic")
	wantsStatuses(t, r.refunds(t, payment, "99"), map[int]int{201: 20})
	r.shows(t, payment, money{"succeeded", 1999, 1999, 1980})
}

func refundsBeyond(t *testing.T, r *races) {
	payment := r.payment(r.Client, "automatic")
	answers := r.refunds(t, payment, "100")
	wantsStatuses(t, answers, map[int]int{201: 19, 422: 1})
	for _, resp := range answers {
		if resp.Status == http.StatusUnprocessableEntity {
			service.Wants(t, "the one that doesn't fit", resp, http.StatusUnprocessableEntity, "amount-too-large")
		}
	}
	r.shows(t, payment, money{"succeeded", 1999, 1999, 1900})
}

// One capture is under way at a time; the others are told to come again.
func capturesBeyond(t *testing.T, r *races) {
	payment := r.payment(r.Client, "manual")
	wantsStatuses(t, service.AtOnce(20, func(i int) service.Response {
		return r.patient(t, i, payment+"/capture", fmt.Sprint(payment, "-capture-", i), `{"amount":100,"final":false}`)
	}), map[int]int{200: 19, 422: 1})
	r.shows(t, payment, money{"partially_captured", 1999, 1900, 0})
}

func captureAgainstCancel(t *testing.T, r *races) {
	for round := range 6 {
		payment := r.payment(r.Client, "manual")
		answers := service.AtOnce(2, func(i int) service.Response {
			return r.patient(t, i+round, payment+[]string{"/capture", "/cancel"}[i], fmt.Sprint(payment, "-", i), "")
		})
		wantsStatuses(t, answers, map[int]int{200: 1, 409: 1})
		if answers[0].Status == http.StatusOK {
			r.shows(t, payment, money{"succeeded", 1999, 1999, 0})
			continue
		}
		r.shows(t, payment, money{"canceled", 1999, 0, 0})
	}
}

// The first one wins: a refund makes the payment one that can't be undone, and an undone payment has nothing to refund. In no case is
// more given back than was taken.
func refundAgainstKeyCancel(t *testing.T, r *races) {
	for round := range 8 {
		payment := r.payment(r.Client, "automatic")
		key := "pay-" + r.Get(payment).Field("order_id")
		paths := []string{payment + "/refunds", "/v1/idempotency-keys/" + key + "/cancel"}
		answers := service.AtOnce(2, func(i int) service.Response {
			return r.patient(t, i+round, paths[i], fmt.Sprint(payment, "-", i), []string{`{"amount":700}`, ""}[i])
		})
		switch got := [2]int{answers[0].Status, answers[1].Status}; got {
		case [2]int{http.StatusCreated, http.StatusConflict}:
			service.Wants(t, "the key cancel", answers[1], http.StatusConflict, "payment-not-cancelable")
			r.shows(t, payment, money{"succeeded", 1999, 1999, 700})
		case [2]int{http.StatusUnprocessableEntity, http.StatusOK}, [2]int{http.StatusConflict, http.StatusOK}:
			r.shows(t, payment, money{"succeeded", 1999, 1999, 1999})
		default:
			t.Errorf("got a refund with %s\nand a key cancel with %s; want one of them", answers[0], answers[1])
		}
	}
}

func refundsDuringCaptures(t *testing.T, r *races) {
	payment := r.payment(r.Client, "manual")
	first := r.Post(payment+"/capture", payment+"-first", `{"amount":1000,"final":false}`)
	service.Wants(t, "the first capture", first, http.StatusOK, "")
	wantsStatuses(t, service.AtOnce(16, func(i int) service.Response {
		if i < 6 {
			return r.patient(t, i, payment+"/capture", fmt.Sprint(payment, "-capture-", i), `{"amount":100,"final":false}`)
		}
		return r.patient(t, i, payment+"/refunds", fmt.Sprint(payment, "-refund-", i), `{"amount":100}`)
	}), map[int]int{200: 6, 201: 10})
	r.shows(t, payment, money{"partially_captured", 1999, 1600, 1000})
}

// Of many copies one has its effect, and all get its answer.
func oneKeyOften(t *testing.T, r *races) {
	for _, route := range []struct {
		method, path, body string
		want               money
	}{
		{"manual", "/capture", `{"amount":100,"final":false}`, money{"partially_captured", 1999, 100, 0}},
		{"manual", "/cancel", "", money{"canceled", 1999, 0, 0}},
		{"automatic", "/refunds", `{"amount":100}`, money{"succeeded", 1999, 1999, 100}},
	} {
		payment := r.payment(r.Client, route.method)
		answers := service.AtOnce(20, func(i int) service.Response {
			return r.patient(t, i, payment+route.path, payment+"-copies", route.body)
		})
		executed := 0
		for _, resp := range answers {
			if !resp.Replayed() {
				executed++
			}
			if !resp.Same(answers[0]) {
				t.Errorf("%s: got %s, and %s", route.path, resp, answers[0])
			}
		}
		if executed != 1 {
			t.Errorf("%s: got %d answers that are no replays, want 1", route.path, executed)
		}
		r.shows(t, payment, route.want)
	}
}

// The same keys of two merchants are two requests, and neither merchant moves the other's money.
func twoMerchants(t *testing.T, r *races) {
	other := r.service.NewMerchant().Recorded(r.record)
	clients := [2]*service.Client{r.Client, other}
	payments := [2]string{r.payment(r.Client, "automatic"), r.payment(other, "automatic")}
	wantsStatuses(t, service.AtOnce(16, func(i int) service.Response {
		return patient(t, clients[i%2], payments[i%2]+"/refunds", fmt.Sprint("of-both-", i/2), `{"amount":100}`)
	}), map[int]int{201: 16})
	for i, c := range clients {
		for _, path := range []string{"/refunds", "/capture", "/cancel"} {
			service.Wants(t, "another merchant's"+path, c.Post(payments[1-i]+path, fmt.Sprint("stranger-", path), ""), http.StatusNotFound, "not-found")
		}
		var got money
		c.Get(payments[i]).JSON(t, &got)
		if want := (money{"succeeded", 1999, 1999, 800}); got != want {
			t.Errorf("merchant %d: got %+v, want %+v", i, got, want)
		}
	}
}
