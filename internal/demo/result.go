package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// report is the document of --json. Money is in minor units.
type report struct {
	Scenes      []sceneReport `json:"scenes"`
	Currency    string        `json:"currency"`
	OrderAmount int64         `json:"order_amount"`
	Without     total         `json:"without"`
	With        total         `json:"with"`
	PromiseHeld bool          `json:"promise_held"`
	Breaches    []string      `json:"breaches"` // of the promise, in all scenes
	Seconds     float64       `json:"seconds"`
}

type total struct {
	Charges int   `json:"charges"`
	Amount  int64 `json:"amount"`
}

func (r *report) add(sc sceneReport) {
	r.Scenes = append(r.Scenes, sc)
	r.Without.Charges += sc.Without.Charges
	r.Without.Amount += sc.Without.Amount
	r.With.Charges += sc.With.Charges
	r.With.Amount += sc.With.Amount
	for _, b := range sc.With.Breaches {
		r.breach(fmt.Sprintf("scene %d, %s: %s", sc.Number, strings.ToLower(sc.Name), b))
	}
}

func (r *report) breach(text string) {
	r.Breaches = append(r.Breaches, text)
	r.PromiseHeld = false
}

type sceneReport struct {
	Number      int    `json:"number"`
	Name        string `json:"name"`
	Story       string `json:"story"`
	Without     result `json:"without"`
	With        result `json:"with"`
	PromiseHeld bool   `json:"promise_held"`
}

// result is what one scene came to on one side.
type result struct {
	Expected int            `json:"expected_charges"`
	Charges  int            `json:"charges"` // in the provider's book
	Amount   int64          `json:"amount"`
	Statuses map[string]int `json:"statuses"` // of the answers; "none" where there was none
	Executed int            `json:"executed"`
	Replayed int            `json:"replayed"`
	Refused  int            `json:"refused"`
	Lost     int            `json:"lost"`
	Steps    []step         `json:"steps"`
	Breaches []string       `json:"breaches"` // of the promise; of payonce only
}

// step is one line of the report: requests that were told the same.
type step struct {
	Who     string  `json:"request"`
	Count   int     `json:"count"`
	Status  int     `json:"status"` // 0: no answer
	Outcome outcome `json:"outcome"`
	Says    string  `json:"says"`
}

// result counts what happened, and judges it where there is a promise.
func (p *play) result(sc scene) (result, error) {
	if p.err != nil && (!errors.Is(p.err, errVain) || p.ctx.Err() != nil) {
		return result{}, fmt.Errorf("%s: %w", sc.name, p.err)
	}
	book, err := p.charges()
	if err != nil {
		return result{}, err
	}
	r := result{Expected: sc.harm, Charges: len(book), Statuses: map[string]int{}, Breaches: []string{}}
	for _, c := range book {
		r.Amount += c.Amount
	}
	charged := false
	for _, t := range p.tries {
		o := t.outcome()
		r.count(t)
		r.add(step{Who: t.who, Count: 1, Status: t.answer.status, Outcome: o, Says: t.says(p.side.protected, charged)})
		charged = charged || o == executed || o == lost
	}
	if !p.side.protected {
		return r, nil
	}
	r.Expected = 1
	r.Breaches = append(r.Breaches, p.judge(sc.wanted)...)
	if p.err != nil {
		r.Breaches = append(r.Breaches, p.err.Error())
	}
	return r, context.Cause(p.ctx)
}

func (r *result) count(t *try) {
	switch t.outcome() {
	case executed:
		r.Executed++
	case replayed:
		r.Replayed++
	case refused:
		r.Refused++
	case lost:
		r.Lost++
	}
	status := "none"
	if t.answer.err == nil {
		status = strconv.Itoa(t.answer.status)
	}
	r.Statuses[status]++
}

// add adds a step, or counts it to an equal one; steps of the same requests stand together.
func (r *result) add(s step) {
	at := len(r.Steps)
	for i := range r.Steps {
		known := &r.Steps[i]
		switch {
		case known.Who != s.Who:
		case known.Status == s.Status && known.Outcome == s.Outcome && known.Says == s.Says:
			known.Count++
			return
		case known.Outcome > s.Outcome: // executed before refused before replayed
			at = min(at, i)
		default:
			at = i + 1
		}
	}
	r.Steps = slices.Insert(r.Steps, at, s)
}
