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
	payment class // and whatever else asks the provider
	order   class // empty: an order doesn't get there
}

const (
	sqlBegin  = "pg_try_advisory_xact_lock"
	toPay     = "POST /v1/payment_intents"
	sqlT1     = "INSERT INTO payments" // what only these transactions say, where a payment or an order is alone
	sqlT2     = "SET state = 'completed', lease_until = NULL"
	sqlOrder  = "INSERT INTO orders"
	redisAsk  = "GET idem:"
	redisTell = "SET idem:"
	httpPost  = "POST /v1/"
)

// Bytes are on their way and don't arrive.
func TestF14TheNetworkIsCutBeforeBytesArrive(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	all := w.breakEach(everyKind(), []cut{
		{s1, "none of the request", atClient, proxy.Fault{Kind: proxy.CutRequest, Match: httpPost}, notStarted, notStarted},
		{s1, "the request's head without its end", atClient, proxy.Fault{Kind: proxy.CutRequest, Bytes: 150, Match: httpPost}, notStarted, notStarted},
		{s2, "what is asked of Redis", atRedis, proxy.Fault{Kind: proxy.CutRequest, Match: redisAsk}, answered, answered},
		{s3, "T1's first batch", atPostgres, proxy.Fault{Kind: proxy.CutRequest, Match: sqlBegin}, notStarted, ""},
		{s4, "T1's writes", atPostgres, proxy.Fault{Kind: proxy.CutRequest, Match: sqlT1}, answered, answered},
		{s4, "T1's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutBeforeCommit, Match: sqlT1}, answered, answered},
		{s5, "the call", atProvider, proxy.Fault{Kind: proxy.CutRequest, Match: toPay}, pending, ""},
		{s7, "T2", atPostgres, proxy.Fault{Kind: proxy.CutRequest, Match: sqlT2}, answered, ""},
		{s8, "T2's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutBeforeCommit, Match: sqlT2}, answered, ""},
		{s9, "what is told Redis", atRedis, proxy.Fault{Kind: proxy.CutRequest, Match: redisTell}, answered, answered},
		{s10, "the response", atClient, proxy.Fault{Kind: proxy.CutReply, Match: httpPost}, done, done},
	})
	for _, k := range outside() {
		all = append(all, w.refusedByProvider(k))
	}
	w.judge("F14", all, (*held).left)
}

// The peer has done it, and its answer is lost.
func TestF15ThePeerActedAndItsReplyIsLost(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	w.judge("F15", w.breakEach(everyKind(), []cut{
		{s2, "Redis's answer", atRedis, proxy.Fault{Kind: proxy.CutReply, Match: redisAsk}, answered, answered},
		{s3, "the answer to T1's first batch", atPostgres, proxy.Fault{Kind: proxy.CutReply, Match: sqlBegin}, notStarted, ""},
		{s4, "the answer to T1's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Match: sqlT1}, answered, answered},
		{s6, "the provider's answer", atProvider, proxy.Fault{Kind: proxy.CutReply, Match: toPay}, pending, ""},
		{s8, "the answer to T2's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Match: sqlT2}, answered, ""},
		{s9, "Redis's answer to the outcome", atRedis, proxy.Fault{Kind: proxy.CutReply, Match: redisTell}, answered, answered},
		{s10, "the response", atClient, proxy.Fault{Kind: proxy.CutReply, Match: httpPost}, done, done},
	}), (*held).left)
}

// The reply begins and ends in the middle. No client takes a part of a response for the whole.
func TestF16AReplyIsResetInTheMiddle(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	w.judge("F16", w.breakEach(usual(), []cut{
		{s2, "Redis's answer", atRedis, proxy.Fault{Kind: proxy.CutReply, Bytes: 3, Match: redisAsk}, answered, answered},
		{s3, "the answer to T1's first batch", atPostgres, proxy.Fault{Kind: proxy.CutReply, Bytes: 40, Match: sqlBegin}, notStarted, ""},
		{s4, "the answer to T1's writes", atPostgres, proxy.Fault{Kind: proxy.CutReply, Bytes: 20, Match: sqlT1}, answered, answered},
		{s4, "the answer to T1's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Bytes: 6, Match: sqlT1}, answered, answered},
		{s6, "the provider's status line", atProvider, proxy.Fault{Kind: proxy.CutReply, Bytes: 12, Match: toPay}, pending, ""},
		{s6, "the provider's body", atProvider, proxy.Fault{Kind: proxy.CutReply, Bytes: 400, Match: toPay}, pending, ""},
		{s8, "the answer to T2's writes", atPostgres, proxy.Fault{Kind: proxy.CutReply, Bytes: 20, Match: sqlT2}, answered, ""},
		{s8, "the answer to T2's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Bytes: 6, Match: sqlT2}, answered, ""},
		{s9, "Redis's answer to the outcome", atRedis, proxy.Fault{Kind: proxy.CutReply, Bytes: 2, Match: redisTell}, answered, answered},
		{s10, "the response's status line", atClient, proxy.Fault{Kind: proxy.CutReply, Bytes: 10, Match: httpPost}, done, done},
		{s10, "the response's headers", atClient, proxy.Fault{Kind: proxy.CutReply, Bytes: 150, Match: httpPost}, done, done},
		{s10, "the response's body", atClient, proxy.Fault{Kind: proxy.CutReply, Bytes: 500, Match: httpPost}, done, done},
	}), (*held).left)
}

// breakEach sends a request of each kind into each cut.
func (w *world) breakEach(kinds []kind, cuts []cut) (all []*held) {
	w.t.Helper()
	w.warm()
	subjects := w.newSubjects(kinds, len(cuts))
	for i, c := range cuts {
		for _, s := range subjects[i] {
			if s.kind != anOrder || c.order != "" {
				all = append(all, w.breaks(c, s))
			}
		}
	}
	return all
}

// of is the fault as it is for another kind than a payment.
func (c cut) of(k kind) proxy.Fault {
	f, s := c.fault, k.spec()
	switch f.Match {
	case sqlT1:
		f.Match = s.t1
	case sqlT2:
		f.Match = s.t2
	case toPay:
		f.Match = s.call
	}
	return f
}

// breaks sends one request through a client's own proxy while a cut is armed, and is sure that it was hit. A client whose
// answer leaves nothing behind has sent nothing again by itself.
func (w *world) breaks(c cut, s subject) *held {
	w.t.Helper()
	h := &held{
		place:   place{at: c.at, name: c.name + " was cut", payment: c.payment, order: c.order},
		subject: s, key: newKey(), answer: make(chan service.Response, 1),
	}
	client := w.client.Via(w.toHarmed.URL())
	arm := func() *proxy.Armed { return c.hop(w).Arm(c.of(s.kind)) }
	if c.at != s9 {
		armed := arm()
		w.count(h, armed, h.send(context.Background(), client))
		return h
	}
	// Before that the same words are said to look the key up.
	p := place{at: s9, name: "published", hold: announced(idempotency.StepCommitted), payment: done, order: done}
	waiting := w.hold(p, s.kind)
	armed := arm()
	w.harmed.ReleaseStep(idempotency.StepCommitted)
	h.key, h.subject = waiting.key, waiting.subject
	w.count(h, armed, <-waiting.answer)
	return h
}

func (w *world) count(h *held, armed *proxy.Armed, resp service.Response) {
	w.t.Helper()
	h.answer <- resp
	service.Until(w.t, h.String(), func() bool { return armed.Hits() == 1 })
}

// refusedByProvider: no server listens at the provider's address. It surely was not called, so the key is free.
func (w *world) refusedByProvider(k kind) *held {
	w.t.Helper()
	h := &held{
		place:   place{at: s5, name: "the connection to the provider was refused", payment: notStarted},
		subject: w.newSubject(k, "pm_card_visa"), key: newKey(), answer: make(chan service.Response, 1),
	}
	before := w.toProvider.Counts()[proxy.Refused]
	w.toProvider.Refuse()
	w.toProvider.ResetAll()
	resp := h.send(context.Background(), w.client)
	service.Wants(w.t, h.String(), resp, http.StatusServiceUnavailable, "unavailable")
	if w.toProvider.Counts()[proxy.Refused] != before+1 {
		w.t.Error("the connection was not refused")
	}
	if err := w.toProvider.Accept(); err != nil {
		w.t.Fatal(err)
	}
	h.answer <- resp
	return h
}
