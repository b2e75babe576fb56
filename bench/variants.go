package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/payonce/payonce/bench/load"
	"github.com/payonce/payonce/idempotency"
)

// The variants, by their names in the table.
const (
	bareHandler    = "bare handler"
	edgeHandler    = "bare handler, same edge"
	oneGet         = "handler with one GET"
	oneSelect      = "handler with one SELECT, GORM"
	oneSelectSQL   = "handler with one SELECT, SQL"
	plainOrder     = "plain order, GORM"
	plainPayment   = "plain payment, GORM"
	plainPaymentAt = "plain payment, 1 transaction"
	simulatorAlone = "simulator alone"
	firstOrder     = "first order"
	deliveredOrder = "first order, event delivered"
	twoReplicas    = "first order, 2 replicas"
	threeReplicas  = "first order, 3 replicas"
	firstPayment   = "first payment"
	firstCapture   = "first capture"
	firstRefund    = "first refund"
	plainCapture   = "plain capture, GORM"
	plainRefund    = "plain refund, GORM"
	limitedOrder   = "first order, rate limit"
	sealedOrder    = "first order, sealed"
	replayMemory   = "replay from L1"
	replayRedis    = "replay from Redis"
	replayPostgres = "replay from Postgres"
)

// variant is one path through the service, or a baseline.
type variant struct {
	name     string
	stage    *stage
	server   *child
	replicas []*child // beside server
	next     load.Source
	outcome  string // the label that the engine must give the requests; empty for baselines
	guess    float64
	// reserve makes ready what n requests need and says which numbers they may have. It is not measured.
	reserve func(ctx context.Context, n int) (first, most int, err error)
	// spent hears how many of them were used.
	spent func(used int)
	// settle waits for what goes on behind the answers of requests that were taken, and returns for how long behind the last one it did;
	// nil: nothing does.
	settle func(ctx context.Context, taken int) (time.Duration, error)
}

// hot is how many records are replayed again and again.
const hot = 200

// payonceVariants are the service's paths.
func (t *site) payonceVariants() []*variant {
	hotKeys := func(b []byte, i int) []byte { return t.numbered("hot")(b, i%hot) }
	records := t.ordersAt(ordersPath, t.numbered("record"))
	variants := []*variant{
		t.fresh(firstOrder, t.service, t.ordersAt(ordersPath, t.numbered("order"+t.pass)), idempotency.SourceFirst),
		t.paying(firstPayment, t.service, paymentsPath, idempotency.SourceFirst),
		t.operating(firstCapture, t.service, paymentsPath, "capture", idempotency.SourceFirst),
		t.operating(firstRefund, t.service, paymentsPath, "refunds", idempotency.SourceFirst),
		{
			stage: t.stage, name: replayMemory, server: t.service, next: t.ordersAt(ordersPath, hotKeys), outcome: string(idempotency.SourceMemory),
			reserve: t.warmUp(hotKeys), spent: func(int) {},
		},
		{
			stage: t.stage, name: replayRedis, server: t.service, next: records, outcome: string(idempotency.SourceRedis), guess: 15000,
			reserve: t.inRedis, spent: func(int) {},
		},
		{
			stage: t.stage, name: replayPostgres, server: t.service, next: records, outcome: string(idempotency.SourcePostgres), guess: 6000,
			reserve: t.inPostgres, spent: func(used int) { t.records.used += used },
		},
	}
	if t.sealed != nil {
		variants = append(variants, t.fresh(sealedOrder, t.sealed, t.ordersAt(ordersPath, t.numbered("sealed"+t.pass)), idempotency.SourceFirst))
	}
	if t.limited != nil {
		variants = append(variants, t.fresh(limitedOrder, t.limited, t.ordersAt(ordersPath, t.numbered("limited"+t.pass)), idempotency.SourceFirst))
	}
	if t.shop != nil {
		variants = append(variants, t.delivering(t.shop, t.shopsReceiver))
	}
	for i, name := range []string{twoReplicas, threeReplicas} {
		if len(t.replicas) > i {
			v := t.fresh(name, t.service, t.ordersAt(ordersPath, t.numbered(fmt.Sprintf("replicas%d%s", i, t.pass))), idempotency.SourceFirst)
			v.replicas = t.replicas[:i+1]
			variants = append(variants, v)
		}
	}
	return variants
}

// baselineVariants are what those are compared with.
func (t *site) baselineVariants() []*variant {
	return []*variant{
		t.fresh(bareHandler, t.baseline, t.ordersAt("/bare", t.numbered("bare")), ""),
		t.fresh(edgeHandler, t.baseline, t.ordersAt("/edge", t.numbered("edge")), ""),
		t.getting(),
		t.selecting(oneSelect, "/select"),
		t.selecting(oneSelectSQL, "/select-sql"),
		t.fresh(plainOrder, t.baseline, t.ordersAt("/orders", t.numbered("plain")), ""),
		t.paying(plainPayment, t.baseline, plainPayments, ""),
		t.paying(plainPaymentAt, t.baseline, "/payments-1", ""),
		t.operating(plainCapture, t.baseline, plainPayments, "capture", ""),
		t.operating(plainRefund, t.baseline, plainPayments, "refunds", ""),
		t.fresh(simulatorAlone, t.stage.simulator, t.charge(), ""),
	}
}

// inTurns puts what is compared side by side, so that little time passes between the two. What is executed doesn't follow replays
// from PostgreSQL: after those the service looks every key up first, for a while.
func inTurns(variants []*variant, only string) []*variant {
	order := []string{
		bareHandler, replayMemory, edgeHandler, oneGet, replayRedis, plainOrder, firstOrder, deliveredOrder, twoReplicas, threeReplicas, limitedOrder, sealedOrder,
		plainPayment, firstPayment, plainPaymentAt, plainCapture, firstCapture, plainRefund, firstRefund, ownPlain, ownProtectTx, ownProtectAlone, ownDo, ownAutocommit, ownProtectGORM, ownProtect,
		ownNaive, otherFiber, otherTx, otherStep, ownPlainCall, ownCall, ownNaiveCall, otherExternal, oneSelect, replayPostgres, oneSelectSQL, simulatorAlone,
	}
	wanted := map[string]bool{}
	for _, name := range order {
		if strings.Contains(name, only) {
			wanted[name] = true
			for _, a := range aims {
				if a.variant == name {
					wanted[a.baseline] = true
				}
			}
		}
	}
	var sorted []*variant
	for _, name := range order {
		for _, v := range variants {
			if v.name == name && wanted[name] {
				sorted = append(sorted, v)
			}
		}
	}
	return sorted
}

// fresh requests are new each time.
func (t *site) fresh(name string, server *child, next load.Source, outcome idempotency.Source) *variant {
	v := &variant{name: name, stage: t.stage, server: server, next: next, outcome: string(outcome)}
	used := 0
	v.reserve = func(context.Context, int) (int, int, error) { return used, math.MaxInt32, nil }
	v.spent = func(n int) { used += n }
	return v
}

// paying uses up prepared orders.
func (t *site) paying(name string, server *child, path string, outcome idempotency.Source) *variant {
	return &variant{
		name: name, stage: t.stage, server: server, next: t.paymentsAt(path, "payment", instantCard, ""), outcome: string(outcome), guess: 2000,
		reserve: func(ctx context.Context, n int) (int, int, error) {
			if t.orders.left() < n {
				if err := t.moreOrders(ctx, n-t.orders.left()); err != nil {
					return 0, 0, err
				}
			}
			return t.orders.used, t.orders.left(), nil
		},
		spent: func(used int) { t.orders.used += used },
	}
}

// operating uses up payments, which the service makes before they are measured.
func (t *site) operating(name string, server *child, path, what string, outcome idempotency.Source) *variant {
	var payments []string
	used, key, fields := 0, strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")+t.pass, ""
	if what == "capture" {
		fields = `,"capture_method":"manual"`
	}
	pay := t.paymentsAt(paymentsPath, "paid-for-"+key, instantCard, fields)
	return &variant{
		name: name, stage: t.stage, server: server, outcome: string(outcome), guess: 600,
		next: t.operationsOn(path, func(i int) string { return payments[i] }, what, key),
		reserve: func(ctx context.Context, n int) (int, int, error) {
			missing := max(0, n-(len(payments)-used))
			if err := t.moreOrders(ctx, max(0, missing-t.orders.left())); err != nil {
				return 0, 0, err
			}
			err := load.Each(ctx, t.service.address, t.orders.used, missing, http.StatusCreated, pay, func(answer load.Answer) {
				var made struct{ ID string }
				_ = json.Unmarshal(answer.Body, &made) // an empty id is answered 404, which fails the turn
				payments = append(payments, made.ID)
			})
			t.orders.used += missing
			return used, len(payments) - used, err
		},
		spent: func(n int) { used += n },
	}
}

// warmUp brings the hot records into L1, the first time by making them.
func (t *site) warmUp(keys func([]byte, int) []byte) func(context.Context, int) (int, int, error) {
	return func(ctx context.Context, _ int) (int, int, error) {
		err := load.Each(ctx, t.service.address, 0, hot, 201, t.ordersAt(ordersPath, keys), nil)
		return 0, math.MaxInt32, err
	}
}

// inPostgres finds records that only PostgreSQL has.
func (t *site) inPostgres(ctx context.Context, n int) (first, most int, err error) {
	if t.records.left() < n {
		err = t.moreRecords(ctx, n-t.records.left())
	}
	return t.records.used, t.records.left(), err
}

// inRedis finds records that PostgreSQL and Redis have, and the service hasn't. All of them count as used.
func (t *site) inRedis(ctx context.Context, n int) (first, most int, err error) {
	if first, _, err = t.inPostgres(ctx, n); err != nil {
		return 0, 0, err
	}
	t.records.used += n
	if err := t.client.FlushDB(ctx).Err(); err != nil {
		return 0, 0, err
	}
	return first, n, t.publish(ctx, first, n)
}

// getting reads values of the size of a response.
func (t *site) getting() *variant {
	keys := func(b []byte, i int) []byte { return padded(append(b, "value-"...), i%hot) }
	v := t.fresh(oneGet, t.baseline, t.ordersAt("/get", keys), "")
	v.reserve = func(ctx context.Context, _ int) (int, int, error) {
		pipe := t.client.Pipeline()
		for i := range hot {
			pipe.Set(ctx, "plain:"+string(keys(nil, i)), t.first, expires)
		}
		_, err := pipe.Exec(ctx)
		return 0, math.MaxInt32, err
	}
	return v
}

// selecting reads prepared records all over the table; reading uses nothing up.
func (t *site) selecting(name, path string) *variant {
	key := t.numbered("record")
	v := t.fresh(name, t.baseline, nil, "")
	v.next = t.ordersAt(path, func(b []byte, i int) []byte { return key(b, i%max(t.records.made, 1)) })
	v.reserve = func(context.Context, int) (int, int, error) {
		if t.records.made == 0 {
			return 0, 0, fmt.Errorf("%s: no records to read", name)
		}
		return 0, math.MaxInt32, nil
	}
	return v
}
