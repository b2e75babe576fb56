package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/payonce/payonce/idempotency"
)

// maxSummary bounds a span's name, as OpenTelemetry bounds db.query.summary.
const maxSummary = 255

// Trace measures round trips as spans and tells PostgreSQL of them. Statements are named by their labels, or by their verb and
// table; neither their text nor their parameters are in it.
type Trace struct {
	Spans idempotency.Tracer
	// Parent is a context's span as the database may note it down, for what goes on from a transaction (W3C Trace Context); empty: none.
	Parent func(ctx context.Context) string
}

// start begins the span of a batch, and returns the batch as it is sent: in a transaction's first one the span is told.
func (t *Trace) start(ctx context.Context, queue []statement) (context.Context, []statement, func(error)) {
	ctx, end := t.Spans.Start(ctx, "postgres "+summary(queue))
	if queue[0].label != labelBegin {
		return ctx, queue, end
	}
	parent := t.Parent(ctx)
	if parent == "" {
		return ctx, queue, end
	}
	told := append(make([]statement, 0, len(queue)+1), queue[0],
		statement{label: "trace", sql: `SELECT set_config('payonce.traceparent', $1, true)`, args: []any{parent}})
	return ctx, append(told, queue[1:]...), end
}

// summary lists the labels of a batch.
func summary(queue []statement) string {
	var b strings.Builder
	for i, s := range queue {
		if b.Len()+len(s.label) > maxSummary-len(", …") {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.label)
	}
	return b.String()
}

// queries measures the statements that are sent one by one: GORM's, and those of plain SQL.
type queries struct{ spans idempotency.Tracer }

var _ pgx.QueryTracer = queries{}

// endKey holds the end of a statement's span in its context.
type endKey struct{}

// TraceQueryStart implements [pgx.QueryTracer].
func (q queries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	ctx, end := q.spans.Start(ctx, "postgres "+verbAndTable(data.SQL))
	return context.WithValue(ctx, endKey{}, end)
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (queries) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	if end, ok := ctx.Value(endKey{}).(func(error)); ok {
		end(data.Err)
	}
}

// verbAndTable names a statement: its first word and the first table behind FROM, INTO or UPDATE. Only plain names of lower-case
// letters and underscores pass.
func verbAndTable(sql string) string {
	verb, before := "", ""
	for word := range strings.FieldsSeq(sql) {
		if verb == "" {
			if word == "--" { // the driver's ping
				return "PING"
			}
			verb = strings.ToUpper(strings.TrimRight(word, ";"))
		}
		switch before {
		case "FROM", "INTO", "UPDATE":
			if table := strings.Trim(strings.TrimRight(word, ");,"), `"`); isName(table) {
				return verb + " " + table
			}
		}
		before = strings.ToUpper(strings.TrimLeft(word, "("))
	}
	return verb
}

func isName(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""
}
