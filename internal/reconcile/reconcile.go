package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/sleep"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// Provider is the book that is compared with; *provider.Client is the one there is.
//
// Obligations: all of it only reads. A list holds everything that was made in its range, newest first.
type Provider interface {
	Account() string
	ListIntents(ctx context.Context, r provider.ListRequest) (provider.Page[provider.Intent], error)
	ListRefunds(ctx context.Context, r provider.ListRequest) (provider.Page[provider.Refund], error)
	Retrieve(ctx context.Context, reference string) provider.Result[provider.Intent]
	RetrieveRefund(ctx context.Context, reference string) provider.Result[provider.Refund]
	FindRefund(ctx context.Context, r provider.FindRefundRequest) provider.Result[provider.Refund]
}

// Rows are our book.
type Rows struct {
	Booked        *repository.Reconciliation
	Merchants     *repository.Merchants
	Discrepancies *repository.Discrepancies // keeps findings
}

// Options are what a run needs.
type Options struct {
	From, Until time.Time // whole seconds; Until is not included
	// Found gets each finding once, when it is written. An error ends the run.
	Found func(Finding) error
	// Progress, when set, is called after each page.
	Progress func(Summary)
}

// Summary counts what was compared.
type Summary struct {
	Charges    int `json:"charges"`    // of the provider, with payonce's metadata
	Refunds    int `json:"refunds"`    // likewise
	Rows       int `json:"rows"`       // of ours that say that money moved
	Foreign    int `json:"foreign"`    // charges and refunds of other programs, not compared
	Unresolved int `json:"unresolved"` // still open here: the checks take care of them
	Elsewhere  int `json:"elsewhere"`  // rows of another provider key that this one doesn't show
	Findings   int `json:"findings"`
	New        int `json:"new"` // findings that no earlier run wrote
}

const (
	// partSize is how many charges a part of the range has at least, before our rows of it are read.
	partSize = 20_000
	// clocks is how far our clock may be ahead of the provider's without asking for each row by itself.
	clocks = 5 * time.Second
	// pageOfRows is how many rows of ours are read at once.
	pageOfRows = 500
)

// key is one of our rows.
type key struct{ merchant, id uuid.UUID }

// run is one comparison.
type run struct {
	provider Provider
	rows     Rows
	opt      Options
	sum      Summary
}

// Run compares. An error says that the comparison was not finished; what was found until then has been written.
func Run(ctx context.Context, p Provider, rows Rows, opt Options) (Summary, error) {
	opt.From, opt.Until = opt.From.Truncate(time.Second), opt.Until.Truncate(time.Second)
	if !opt.From.Before(opt.Until) {
		return Summary{}, errors.New("the range of time is empty")
	}
	r := &run{provider: p, rows: rows, opt: opt}
	charges := book[provider.Intent]{
		list: p.ListIntents, made: func(in *provider.Intent) time.Time { return in.Created }, compare: r.charges, rest: r.ownCharges,
	}
	refunds := book[provider.Refund]{
		list: p.ListRefunds, made: func(re *provider.Refund) time.Time { return re.Created }, compare: r.refunds, rest: r.ownRefunds,
	}
	if err := charges.walk(ctx, r); err != nil {
		return r.sum, err
	}
	return r.sum, refunds.walk(ctx, r)
}

// book is one of the provider's lists, and how it is compared.
type book[T any] struct {
	list func(context.Context, provider.ListRequest) (provider.Page[T], error)
	made func(*T) time.Time
	// compare compares one page with our rows, and notes those that it is about.
	compare func(ctx context.Context, page []*T, note func(key)) error
	// rest reads our rows of a part of the range, and asks for those that were not seen.
	rest func(ctx context.Context, merchant uuid.UUID, span repository.Span, seen func(key) bool) (read []row, err error)
}

// row names one of our rows for paging.
type row struct {
	at time.Time
	id uuid.UUID
}

// walk reads the list from its newest page on. Two parts are remembered: what lies at the border of two is seen from both.
func (b book[T]) walk(ctx context.Context, r *run) error {
	ask := provider.ListRequest{From: r.opt.From, To: r.opt.Until.Add(-time.Second)}
	until, part, before := r.opt.Until, map[key]struct{}{}, map[key]struct{}{}
	seen := func(k key) bool {
		_, now := part[k]
		_, then := before[k]
		return now || then
	}
	for {
		page, err := insist(ctx, func() (provider.Page[T], error) { return b.list(ctx, ask) })
		if err != nil {
			return err
		}
		if err := b.compare(ctx, page.Objects, func(k key) { part[k] = struct{}{} }); err != nil {
			return err
		}
		r.progress()
		if page.Next == "" {
			return b.ours(ctx, r, r.opt.From, until, seen)
		}
		ask.After = page.Next
		reached := b.made(page.Objects[len(page.Objects)-1]).Add(clocks)
		if len(part) < partSize || !reached.Before(until) {
			continue
		}
		if err := b.ours(ctx, r, reached, until, seen); err != nil {
			return err
		}
		until, before, part = reached, part, map[key]struct{}{}
	}
}

// ours reads every merchant's rows of a part of the range.
func (b book[T]) ours(ctx context.Context, r *run, from, until time.Time, seen func(key) bool) error {
	merchants, err := r.rows.Merchants.List(ctx)
	if err != nil {
		return err
	}
	for _, merchant := range merchants {
		span := repository.Span{From: from, Until: until, Limit: pageOfRows}
		for {
			read, err := b.rest(ctx, merchant.ID, span, seen)
			if err != nil {
				return err
			}
			r.sum.Rows += len(read)
			r.progress()
			if len(read) < pageOfRows {
				break
			}
			last := read[len(read)-1]
			span.BeforeAt, span.BeforeID = last.at, last.id
		}
	}
	return nil
}

func (r *run) progress() {
	if r.opt.Progress != nil {
		r.opt.Progress(r.sum)
	}
}

// tries and firstPause bound how often the provider is asked again when it gives no answer: about 6 s in all.
const (
	tries      = 6
	firstPause = 200 * time.Millisecond
)

// insist asks again after a failure, with growing pauses.
func insist[T any](ctx context.Context, ask func() (T, error)) (answer T, err error) {
	pause := firstPause
	for range tries {
		if answer, err = ask(); err == nil {
			return answer, nil
		}
		if !sleep.For(ctx, pause) {
			break
		}
		pause *= 2
	}
	return answer, fmt.Errorf("read the provider's book: %w", err)
}

// read asks for one object until the answer is clear; nil when the provider doesn't know it.
func read[T any](ctx context.Context, ask func() provider.Result[T]) (*T, error) {
	return insist(ctx, func() (*T, error) {
		switch res := ask(); res.Outcome {
		case provider.Answered:
			return res.Object, nil
		case provider.NotFound:
			return nil, nil //nolint:nilnil // not there is an answer
		default:
			return nil, fmt.Errorf("no clear answer (%s): %w", res.Outcome, res.Err)
		}
	})
}

// keyOf reads which row an object of the provider is about; ok is false for another program's.
func keyOf(metadata map[string]string, member, prefix string) (k key, ok bool) {
	merchant, err := models.ParseID(models.PrefixMerchant, metadata["merchant_id"])
	if err != nil {
		return key{}, false
	}
	id, err := models.ParseID(prefix, metadata[member])
	return key{merchant, id}, err == nil
}
