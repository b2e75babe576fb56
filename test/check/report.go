package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Rule names what must hold; a violation is reported under it.
type Rule string

// The rules about what clients saw, about the provider's charges, Redis and logs.
const (
	OneAnswer         Rule = "one answer per key"
	OneRequest        Rule = "one request per key"
	AnswerStays       Rule = "an outcome stays the outcome"
	NotReused         Rule = "only another request is refused as reused"
	GivenUpStays      Rule = "nothing is executed under a key that was given up"
	NotExpired        Rule = "only an expired key is refused as expired"
	Committed         Rule = "what was answered is committed"
	CommittedBefore   Rule = "it was committed before it was seen"
	OwnData           Rule = "no merchant sees another merchant's data"
	KnownResources    Rule = "an answer names what exists"
	AsDescribed       Rule = "answers are as the API document says"
	GoodputReturns    Rule = "service returns within 5 s of a fault's end"
	NothingStuck      Rule = "no key is in progress for too long"
	ConvergedInTime   Rule = "every key got its outcome within the bound"
	OnlyOutcomes      Rule = "only outcomes are stored"
	OneCharge         Rule = "one charge per key"
	ChargeHasPayment  Rule = "every charge belongs to a payment of ours"
	PaymentHasCharge  Rule = "every payment has its charge"
	ChargeAmount      Rule = "payment and charge are of the same money"
	ChargeMovements   Rule = "the provider captured and refunded what we did"
	CacheHasRecord    Rule = "what is cached is committed"
	CacheIsOwn        Rule = "a cached value stands under its own name"
	LogsKeepSecrets   Rule = "no secret stands in a log"
	LogsHaveNoCrashes Rule = "no log holds a crash or a data race"
)

// The rules about the database alone; see Invariants.
const (
	OnePayment        Rule = "one payment per key"
	OneLivePayment    Rule = "one live payment per order"
	RecordNames       Rule = "a payment's record names it"
	ResourceOfRecord  Rule = "every record has its resource"
	RecordOfPayment   Rule = "every payment has its record"
	RecordOfOrder     Rule = "every order has its record"
	LedgerOfPayment   Rule = "the ledger agrees with each payment"
	CaptureOfEntry    Rule = "every capture entry has its capture"
	LedgerSumsToZero  Rule = "the ledger sums to zero"
	TrialBalance      Rule = "each account's balance is what was paid"
	MoneyOfOrder      Rule = "an order's money is its payments'"
	EventOfPayment    Rule = "a succeeded payment has its one event"
	AttemptOfQuestion Rule = "no attempt outlives its payment's question"
	RefundOfEntry     Rule = "every refund entry has its refund"
	CountersOfPayment Rule = "a payment's amounts are its captures' and refunds'"
	AnEventPerVersion Rule = "each version has its one event"
	TimesGoOn         Rule = "a resource's times never go back"
)

// Rules are all of them.
func Rules() []Rule {
	return []Rule{
		OneAnswer, OneRequest, AnswerStays, NotReused, GivenUpStays, NotExpired, Committed, CommittedBefore, OwnData, KnownResources, AsDescribed, GoodputReturns, NothingStuck, ConvergedInTime, OnlyOutcomes, OneCharge, ChargeHasPayment, PaymentHasCharge, ChargeAmount, CacheHasRecord, CacheIsOwn, LogsKeepSecrets, LogsHaveNoCrashes, OnePayment, OneLivePayment, RecordNames, ResourceOfRecord, RecordOfPayment, RecordOfOrder, LedgerOfPayment, CaptureOfEntry, LedgerSumsToZero, TrialBalance, MoneyOfOrder, EventOfPayment, AttemptOfQuestion, RefundOfEntry, CountersOfPayment, AnEventPerVersion, TimesGoOn, ChargeMovements,
	}
}

// examples is how many violations of a rule are kept with their details.
const examples = 10

// Violation is one case in which a rule does not hold.
type Violation struct {
	Rule   Rule
	Detail string
}

// Report is what was found.
type Report struct {
	Violations []Violation    // the first of each rule
	Counts     map[Rule]int64 // all of them

	Requests    int64
	Keys        int64 // in the history
	Statuses    map[int]int64
	Outcomes    int64 // answers that were one
	Records     int64 // in PostgreSQL
	Compared    int64 // records held against what clients saw
	CommitTimes int64 // of them, those whose time of commit is known
	Payments    int64
	Charges     int64
	Cached      int64 // completed values in Redis
	Unverified  int64 // values in Redis that are not signed by these secrets
	Faults      int64
	Judged      int64 // faults after whose end enough was asked, and for long enough
	LogBytes    int64
	Skipped     []string
}

func newReport() *Report {
	return &Report{Counts: map[Rule]int64{}, Statuses: map[int]int64{}}
}

// OK tells whether every rule holds.
func (r *Report) OK() bool { return len(r.Counts) == 0 }

// Total is how many violations there are.
func (r *Report) Total() (n int64) {
	for _, count := range r.Counts {
		n += count
	}
	return n
}

func (r *Report) violated(rule Rule, format string, args ...any) {
	r.Counts[rule]++
	if r.Counts[rule] <= examples {
		r.Violations = append(r.Violations, Violation{rule, fmt.Sprintf(format, args...)})
	}
}

func (r *Report) skip(what string) { r.Skipped = append(r.Skipped, what) }

// String is for people.
func (r *Report) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-20s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("requests", "%d under %d keys; %s", r.Requests, r.Keys, statuses(r.Statuses))
	line("outcomes seen", "%d", r.Outcomes)
	line("records", "%d in PostgreSQL; %d compared with what was seen, %d with their time of commit", r.Records, r.Compared, r.CommitTimes)
	line("payments, charges", "%d that took money, %d in the provider's charges", r.Payments, r.Charges)
	line("cached values", "%d of outcomes, %d that fail verification", r.Cached, r.Unverified)
	line("faults", "%d; after %d of them enough was asked to judge", r.Faults, r.Judged)
	line("logs", "%d bytes", r.LogBytes)
	for _, what := range r.Skipped {
		line("NOT CHECKED", "%s", what)
	}
	line("violations", "%d", r.Total())
	for _, rule := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(&b, "\nVIOLATED %d times: %s\n", r.Counts[rule], rule)
		for _, v := range r.Violations {
			if v.Rule == rule {
				fmt.Fprintf(&b, "  - %s\n", v.Detail)
			}
		}
	}
	return b.String()
}

func statuses(counts map[int]int64) string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		name := fmt.Sprint(status)
		if status == 0 {
			name = "no answer"
		}
		parts = append(parts, fmt.Sprintf("%s: %d", name, counts[status]))
	}
	return strings.Join(parts, ", ")
}
