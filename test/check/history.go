package check

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
)

// keyID is a merchant's key as the store knows it.
type keyID struct {
	merchant uuid.UUID
	hash     [sha256.Size]byte
}

// digest stands for a status, its bytes and its replayed headers.
type digest [16]byte

// keyState is what the history says about one key, in what little memory a million of them may take.
type keyState struct {
	key     string
	request uint64 // of the first outcome, else of the first request
	others  bool   // another request came under this key
	status  uint16 // of the first outcome, 0 when none was seen
	expires bool   // 410 was seen, because its response has expired
	givenUp bool   // 410 was seen, because it was given up before anything happened
	reused  bool   // 422 was
	stored  bool   // its record was found
	outcome digest
	seen    Time // when the first outcome was
	expired Time // when 410 was seen first
}

// readHistory follows each key through its answers.
func (c *checker) readHistory(context.Context) error {
	if c.in.History == nil {
		c.report.skip("what clients saw: no history is given")
		return nil
	}
	for e, err := range c.in.History {
		if err != nil {
			return err
		}
		merchant, err := models.ParseID(models.PrefixMerchant, e.Merchant)
		if err != nil {
			return fmt.Errorf("whose is request %d: %w", c.report.Requests+1, err)
		}
		c.report.Requests++
		c.report.Statuses[e.Status]++
		c.goodput.add(&e)
		if e.Status != 0 && e.Error != "" {
			c.report.violated(AsDescribed, "%s: %s", e.Error, describe(&e))
		}
		c.checkOwner(&e, merchant)
		if e.Key != "" {
			c.follow(&e, keyID{merchant, sha256.Sum256([]byte(e.Key))})
		}
	}
	c.report.Keys = int64(len(c.keys))
	c.goodput.judge(c.report)
	for _, k := range c.keys {
		if k.reused && !k.others {
			c.report.violated(NotReused, "the key %s belongs to one request, which was refused as another", k.key)
		}
	}
	return nil
}

// follow holds an answer against what was seen under its key before.
func (c *checker) follow(e *Event, id keyID) {
	request := short(e.Request)
	k := c.keys[id]
	if k == nil {
		k = &keyState{key: e.Key, request: request}
		c.keys[id] = k
	}
	switch {
	case request == k.request:
	case k.status == 0 && e.outcome(): // the first outcome decides whose the key is
		k.request, k.others = request, true
	default:
		k.others = true
	}
	code := e.code()
	known := k.status != 0 && request == k.request && e.Sent > k.seen
	switch {
	case e.outcome():
		c.report.Outcomes++
		c.followOutcome(k, e, request)
	case code == "idempotency-key-expired":
		if !k.expires {
			k.expires, k.expired = true, e.Answered
		}
	case code == "idempotency-key-canceled" && k.status == 0:
		k.givenUp = true
	case known && refuses(e.Status, code):
		c.report.violated(AnswerStays, "%d was seen under the key %s, then %s", k.status, k.key, describe(e))
	case code == "idempotency-key-reused":
		k.reused = true
	}
}

func (c *checker) followOutcome(k *keyState, e *Event, request uint64) {
	d := digestOf(e.Status, e.Header, []byte(e.Body))
	switch {
	case k.givenUp:
		c.report.violated(GivenUpStays, "the key %s was given up before anything happened; now %s", k.key, describe(e))
	case k.status == 0:
		k.status, k.outcome, k.seen = uint16(e.Status), d, e.Answered
		return
	case request != k.request:
		c.report.violated(OneRequest, "two requests have an outcome under the key %s; the later is %s", k.key, describe(e))
	case d != k.outcome:
		c.report.violated(OneAnswer, "the key %s had %d before; now %s", k.key, k.status, describe(e))
	case e.Sent > k.seen && !e.Replayed:
		c.report.violated(AnswerStays, "%d was seen under the key %s and is not a replay now: %s", k.status, k.key, describe(e))
	}
	k.seen = min(k.seen, e.Answered)
}

// refuses: an answer that says, of a request whose outcome is known, that it is none. A copy that still runs, a store
// that is away and a client that asks too often may be said at any time.
func refuses(status int, code string) bool {
	switch {
	case status == 0, status >= 500, status == 429, status == 401:
		return false
	case status == 409:
		return code != "idempotency-request-in-flight"
	}
	return true
}

func describe(e *Event) string {
	what := fmt.Sprintf("%s %s of %s, key %q, at %s: %d %s", e.Method, e.Path, e.Merchant, e.Key, e.Answered.Time().Format("15:04:05.000000"), e.Status, e.Body)
	return what[:min(len(what), 600)]
}
