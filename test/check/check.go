package check

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/idempotency/seal"
)

// Input is what is known about a run. What is missing is not checked, and the report says so.
type Input struct {
	History iter.Seq2[Event, error] // nil: what clients saw was not recorded
	DB      Querier                 // PostgreSQL; always needed
	Redis   redis.UniversalClient   // nil: what is cached is not checked
	// Secrets are the SECRET_KEYs, decoded, under which values in Redis are signed and responses are sealed.
	Secrets [][]byte
	Charges []Charge // the provider's; nil: not checked
	Faults  []Fault
	Logs    []string // files
	// Forbidden is what must not stand in a log, besides API keys.
	Forbidden []string
	// Bound is lease + recovery interval + provider timeout, with what the machine needs; 0: no row is too old.
	Bound time.Duration
	// SameClock: the history's times and PostgreSQL's come from one clock, which was wrong by ClockError at most.
	SameClock  bool
	ClockError time.Duration
	// TellsFrom is when the last replica ended that ran a release which didn't tell of every change; zero: there was none.
	TellsFrom time.Time
}

// Querier is a database or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Fault is one line of the list of faults.
type Fault struct {
	Kind   string `json:"kind"`
	Target string `json:"target,omitempty"`
	Began  Time   `json:"began"`
	Ended  Time   `json:"ended"`
	// Stops: the fault may stop the service for all clients while it lasts.
	Stops bool `json:"stops,omitempty"`
}

func (f Fault) String() string { return strings.TrimSuffix(f.Kind+" of "+f.Target, " of ") }

// ReadFaults reads a file of them, one JSON object a line.
func ReadFaults(path string) (list []Fault, err error) {
	for fault, err := range readLines[Fault](path) {
		if err != nil {
			return nil, err
		}
		list = append(list, fault)
	}
	return list, nil
}

// slack is ClockError in a history's unit.
func (in *Input) slack() Time { return Time(in.ClockError / time.Microsecond) }

// checker is one run of all rules.
type checker struct {
	in      Input
	report  *Report
	owners  owners
	keys    map[keyID]*keyState
	goodput goodput
	ended   Time // of the last fault
	box     *seal.Box
}

// Run checks everything. An error says that something could not be read; violations stand in the report.
func Run(ctx context.Context, in Input) (*Report, error) {
	c := &checker{in: in, report: newReport(), keys: map[keyID]*keyState{}, goodput: newGoodput(in.Faults)}
	for _, fault := range in.Faults {
		c.ended = max(c.ended, fault.Ended)
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"resources", c.readOwners},
		{"history", c.readHistory},
		{"database", c.checkDatabase},
		{"records", c.checkRecords},
		{"provider's charges", c.checkCharges},
		{"Redis", c.checkRedis},
		{"logs", c.checkLogs},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("check the %s: %w", step.what, err)
		}
	}
	return c.report, nil
}

// each calls f for each row of a query.
func each(ctx context.Context, db Querier, query string, args []any, f func(scan func(dest ...any) error) error) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// list reads a column of text.
func list(ctx context.Context, db Querier, query string, args ...any) (values []string, err error) {
	err = each(ctx, db, query, args, func(scan func(dest ...any) error) error {
		var value string
		if err := scan(&value); err != nil {
			return err
		}
		values = append(values, value)
		return nil
	})
	return slices.Clip(values), err
}
