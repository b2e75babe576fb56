package tracing

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/payonce/payonce/test/wait"
)

// patience is how long spans may take to arrive on a machine that is busy.
const patience = time.Minute

// collector is the other end of OTLP over HTTP: it keeps what arrives.
type collector struct {
	*httptest.Server
	testing.TB

	mu      sync.Mutex
	spans   []span
	raw     bytes.Buffer  // all that has arrived, unpacked
	headers []http.Header // of the requests
	answer  http.HandlerFunc
}

// span is one that has arrived.
type span struct {
	trace, id, parent, name string
	attrs                   map[string]string
	resource                map[string]string
	kind                    tracepb.Span_SpanKind
	failed                  bool
	began                   uint64
}

// collect starts a collector. It answers with answer, or, where that is nil, takes everything.
func collect(t testing.TB, answer http.HandlerFunc) *collector {
	t.Helper()
	c := &collector{TB: t, answer: answer}
	c.Server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(func() {
		c.CloseClientConnections()
		c.Close()
	})
	return c
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	packed, err := gzip.NewReader(r.Body)
	if err != nil {
		c.Errorf("spans that are not packed: %v", err)
		return
	}
	raw, err := io.ReadAll(packed)
	if err != nil {
		c.Errorf("spans that can't be unpacked: %v", err)
		return
	}
	var data tracepb.TracesData
	if err := proto.Unmarshal(raw, &data); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.Errorf("%s %s is no OTLP: %v", r.URL.Path, r.Header.Get("Content-Type"), err)
		return
	}
	c.mu.Lock()
	c.headers = append(c.headers, r.Header)
	answer := c.answer
	if answer == nil {
		c.raw.Write(raw)
		c.keep(&data)
	}
	c.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

func (c *collector) keep(data *tracepb.TracesData) {
	for _, of := range data.GetResourceSpans() {
		resource := map[string]string{}
		for _, attr := range of.GetResource().GetAttributes() {
			resource[attr.GetKey()] = attr.GetValue().GetStringValue()
		}
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, spanOf(s, resource))
			}
		}
	}
}

func spanOf(s *tracepb.Span, resource map[string]string) span {
	attrs := map[string]string{}
	for _, attr := range s.GetAttributes() {
		attrs[attr.GetKey()] = cmp.Or(attr.GetValue().GetStringValue(), strings.TrimPrefix(attr.GetValue().String(), "int_value:"))
	}
	return span{
		trace: hex.EncodeToString(s.GetTraceId()), id: hex.EncodeToString(s.GetSpanId()), parent: hex.EncodeToString(s.GetParentSpanId()),
		name: s.GetName(), attrs: attrs, resource: resource, kind: s.GetKind(), began: s.GetStartTimeUnixNano(),
		failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
	}
}

// all is what has arrived so far, in the order of the beginnings.
func (c *collector) all() []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := slices.Clone(c.spans)
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.began, b.began) })
	return spans
}

// find waits for a span.
func (c *collector) find(what string, is func(span) bool) (found span) {
	c.Helper()
	wait.Within(c, patience, "a span of "+what+" arrives", func() bool {
		all := c.all()
		i := slices.IndexFunc(all, is)
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// of waits for the span of a request, which arrives in one batch with its parts or behind them.
func (c *collector) of(requestID string) span {
	c.Helper()
	return c.find("the request "+requestID, func(s span) bool { return s.attrs["payonce.request_id"] == requestID })
}

// named waits for a span by its name, within a trace unless that is empty.
func (c *collector) named(name, trace string) span {
	c.Helper()
	return c.find(name, func(s span) bool { return s.name == name && (trace == "" || s.trace == trace) })
}

// delivery is the name of an attempt's span. It may arrive long after what caused it.
const delivery = "webhook delivery"

// tree is a span with its parts as lines, each indented below what it is a part of, without the deliveries that it caused.
func (c *collector) tree(root span) string {
	var b strings.Builder
	all := c.all()
	var write func(s span, depth int)
	write = func(s span, depth int) {
		b.WriteString("\n" + strings.Repeat("  ", depth) + s.name)
		for _, part := range all {
			if part.trace == s.trace && part.parent == s.id && part.name != delivery {
				write(part, depth+1)
			}
		}
	}
	write(root, 0)
	return b.String()
}

// exported is all that has arrived, as bytes.
func (c *collector) exported() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}
