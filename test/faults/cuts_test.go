package faults

import (
	"context"
	"net/http"
	"testing"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
)

// hop is a connection that can be cut.
type hop func(w *world) *proxy.Proxy

func atClient(w *world) *proxy.Proxy   { return w.toHarmed.Proxy }
func atRedis(w *world) *proxy.Proxy    { return w.toRedis.Proxy }
func atPostgres(w *world) *proxy.Proxy { return w.toPostgres.Proxy }
func atProvider(w *world) *proxy.Proxy { return w.toProvider.Proxy }

// cut is one connection that breaks at one moment, and what that leaves of a request.
type cut struct {
	at      step
	name    string
	hop     hop
	fault   proxy.Fault
	payment class
	order   class  // empty: an order doesn't get there
	sqlOf   string // the order's Match, where it differs
}

const (
	sqlBegin  = "pg_try_advisory_xact_lock"
	toPay     = "POST /v1/payment_intents"
	redisAsk  = "GET idem:"
	redisTell = "SET idem:"
	httpPost  = "POST /v1/"
)

// Bytes are on their way and don't arrive.
func TestF14TheNetworkIsCutBeforeBytesArrive(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	all := w.breakEach([]cut{
		{s1, "none of the request", atClient, proxy.Fault{Kind: proxy.CutRequest, Match: httpPost}, notStarted, notStarted, ""},
		{s1, "the request's head without its end", atClient, proxy.Fault{Kind: proxy.CutRequest, Bytes: 150, Match: httpPost}, notStarted, notStarted, ""},
		{s2, "what is asked of Redis", atRedis, proxy.Fault{Kind: proxy.CutRequest, Match: redisAsk}, answered, answered, ""},
		{s3, "T1's first batch", atPostgres, proxy.Fault{Kind: proxy.CutRequest, Match: sqlBegin}, notStarted, "", ""},
		{s4, "T1's writes", atPostgres, proxy.Fault{Kind: proxy.CutRequest, Match: sqlT1}, answered, answered, sqlOrder},
		{s4, "T1's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutBeforeCommit, Match: sqlT1}, answered, answered, sqlOrder},
		{s5, "the call", atProvider, proxy.Fault{Kind: proxy.CutRequest, Match: toPay}, pending, "", ""},
		{s7, "T2", atPostgres, proxy.Fault{Kind: proxy.CutRequest, Match: sqlT2}, answered, "", ""},
		{s8, "T2's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutBeforeCommit, Match: sqlT2}, answered, "", ""},
		{s9, "what is told Redis", atRedis, proxy.Fault{Kind: proxy.CutRequest, Match: redisTell}, answered, answered, ""},
		{s10, "the response", atClient, proxy.Fault{Kind: proxy.CutReply, Match: httpPost}, done, done, ""},
	})
	all = append(all, w.refusedByProvider())
	w.judge("F14", all, (*held).left)
}

// The peer has done it, and nobody hears of that.
func TestF15ThePeerActedAndItsReplyIsLost(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	w.judge("F15", w.breakEach([]cut{
		{s2, "Redis's answer", atRedis, proxy.Fault{Kind: proxy.CutReply, Match: redisAsk}, answered, answered, ""},
		{s3, "the answer to T1's first batch", atPostgres, proxy.Fault{Kind: proxy.CutReply, Match: sqlBegin}, notStarted, "", ""},
		{s4, "the answer to T1's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Match: sqlT1}, answered, answered, sqlOrder},
		{s6, "the provider's answer", atProvider, proxy.Fault{Kind: proxy.CutReply, Match: toPay}, pending, "", ""},
		{s8, "the answer to T2's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Match: sqlT2}, answered, "", ""},
		{s9, "Redis's answer to the outcome", atRedis, proxy.Fault{Kind: proxy.CutReply, Match: redisTell}, answered, answered, ""},
		{s10, "the response", atClient, proxy.Fault{Kind: proxy.CutReply, Match: httpPost}, done, done, ""},
	}), (*held).left)
}

// The reply begins and ends in the middle. No client takes a part of a response for the whole.
func TestF16AReplyIsResetInTheMiddle(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	w.judge("F16", w.breakEach([]cut{
		{s2, "Redis's answer", atRedis, proxy.Fault{Kind: proxy.CutReply, Bytes: 3, Match: redisAsk}, answered, answered, ""},
		{s3, "the answer to T1's first batch", atPostgres, proxy.Fault{Kind: proxy.CutReply, Bytes: 40, Match: sqlBegin}, notStarted, "", ""},
		{s4, "the answer to T1's writes", atPostgres, proxy.Fault{Kind: proxy.CutReply, Bytes: 20, Match: sqlT1}, answered, answered, sqlOrder},
		{s4, "the answer to T1's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Bytes: 6, Match: sqlT1}, answered, answered, sqlOrder},
		{s6, "the provider's status line", atProvider, proxy.Fault{Kind: proxy.CutReply, Bytes: 12, Match: toPay}, pending, "", ""},
		{s6, "the provider's body", atProvider, proxy.Fault{Kind: proxy.CutReply, Bytes: 400, Match: toPay}, pending, "", ""},
		{s8, "the answer to T2's writes", atPostgres, proxy.Fault{Kind: proxy.CutReply, Bytes: 20, Match: sqlT2}, answered, "", ""},
		{s8, "the answer to T2's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Bytes: 6, Match: sqlT2}, answered, "", ""},
		{s9, "Redis's answer to the outcome", atRedis, proxy.Fault{Kind: proxy.CutReply, Bytes: 2, Match: redisTell}, answered, answered, ""},
		{s10, "the response's status line", atClient, proxy.Fault{Kind: proxy.CutReply, Bytes: 10, Match: httpPost}, done, done, ""},
		{s10, "the response's headers", atClient, proxy.Fault{Kind: proxy.CutReply, Bytes: 150, Match: httpPost}, done, done, ""},
		{s10, "the response's body", atClient, proxy.Fault{Kind: proxy.CutReply, Bytes: 500, Match: httpPost}, done, done, ""},
	}), (*held).left)
}

// breakEach sends a payment and an order into each cut.
func (w *world) breakEach(cuts []cut) (all []*held) {
	w.t.Helper()
	w.warm()
	for _, c := range cuts {
		all = append(all, w.breaks(c, aPayment))
		if c.order != "" {
			all = append(all, w.breaks(c, anOrder))
		}
	}
	return all
}

// breaks sends one request through a client's own proxy while a cut is armed, and is sure that it was hit. A client whose
// answer leaves nothing behind has sent nothing again by itself.
func (w *world) breaks(c cut, k kind) *held {
	w.t.Helper()
	h := &held{
		place: place{at: c.at, name: c.name + " was cut", payment: c.payment, order: c.order},
		kind:  k, order: w.newOrder(), key: newKey(), answer: make(chan service.Response, 1),
	}
	if k == anOrder && c.sqlOf != "" {
		c.fault.Match = c.sqlOf
	}
	client := w.client.Via(w.toHarmed.URL())
	arm := func() *proxy.Armed { return c.hop(w).Arm(c.fault) }
	if c.at != s9 {
		armed := arm()
		w.count(h, armed, h.send(context.Background(), client))
		return h
	}
	// Before that the same words are said to look the key up.
	p := place{at: s9, name: "published", hold: announced(idempotency.StepCommitted)}
	waiting := w.hold(p, k, h.order)
	armed := arm()
	w.harmed.ReleaseStep(idempotency.StepCommitted)
	h.key = waiting.key
	w.count(h, armed, <-waiting.answer)
	return h
}

func (w *world) count(h *held, armed *proxy.Armed, resp service.Response) {
	w.t.Helper()
	h.answer <- resp
	until(w.t, h.String(), func() bool { return armed.Hits() == 1 })
}

// refusedByProvider: nobody listens where the provider should be. It surely was not called, so the key is free.
func (w *world) refusedByProvider() *held {
	w.t.Helper()
	h := &held{
		place: place{at: s5, name: "the connection to the provider was refused", payment: notStarted},
		kind:  aPayment, order: w.newOrder(), key: newKey(), answer: make(chan service.Response, 1),
	}
	w.toProvider.Refuse()
	w.toProvider.ResetAll()
	resp := h.send(context.Background(), w.client)
	wants(w.t, h.String(), resp, http.StatusServiceUnavailable, "unavailable")
	if w.toProvider.Counts()[proxy.Refused] != 1 {
		w.t.Error("the connection was not refused")
	}
	if err := w.toProvider.Accept(); err != nil {
		w.t.Fatal(err)
	}
	h.answer <- resp
	return h
}
