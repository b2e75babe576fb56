package monitoring

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/payonce/payonce/test/service"
)

// served are the metrics of a running service, by name.
func served(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// family is the metric that a name in a query is of: a histogram has three names.
func family(all map[string]*dto.MetricFamily, name string) *dto.MetricFamily {
	if f := all[name]; f != nil {
		return f
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if f := all[strings.TrimSuffix(name, suffix)]; f != nil && f.GetType() == dto.MetricType_HISTOGRAM {
			return f
		}
	}
	return nil
}

// values of a label, in a metric's series.
func values(f *dto.MetricFamily, label string) (all []string) {
	for _, m := range f.GetMetric() {
		for _, pair := range m.GetLabel() {
			if pair.GetName() == label {
				all = append(all, pair.GetValue())
			}
		}
	}
	if label == "quantile" && f.GetType() == dto.MetricType_SUMMARY {
		all = append(all, "0", "1")
	}
	return all
}

var (
	selector = regexp.MustCompile(`\b((?:payonce|process|go)_[a-z_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping = regexp.MustCompile(`by \(([^)]*)\)`)
)

// wrong says what a query or a text names that isn't served.
func wrong(all map[string]*dto.MetricFamily, text string) (found []string) {
	labels := []string{"le", "instance", "job"} // a histogram's, and those that Prometheus adds
	for _, match := range selector.FindAllStringSubmatch(text, -1) {
		f := family(all, match[1])
		if f == nil {
			found = append(found, match[1]+" is not served")
			continue
		}
		for _, m := range f.GetMetric() {
			for _, pair := range m.GetLabel() {
				labels = append(labels, pair.GetName())
			}
		}
		for _, m := range matcher.FindAllStringSubmatch(match[2], -1) {
			if name := m[1]; name != "instance" && name != "job" && name != "le" && !selects(values(f, name), m[1], m[2], m[3]) {
				found = append(found, match[0]+" selects none of the series that are served")
			}
		}
	}
	for _, match := range grouping.FindAllStringSubmatch(text, -1) {
		for name := range strings.SplitSeq(match[1], ",") {
			if name = strings.TrimSpace(name); !slices.Contains(labels, name) {
				found = append(found, "no metric of "+text+" has the label "+name)
			}
		}
	}
	return found
}

// selects reports whether a matcher takes one of a label's values. Any status may come some day.
func selects(values []string, label, operator, value string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		switch {
		case label == "status":
			return true
		case operator == "=":
			return v == value
		case operator == "=~":
			return regexp.MustCompile("^(?:" + value + ")$").MatchString(v)
		}
		return true
	})
}

// TestEveryMetricThatIsNamedIsServed: in the board, in the alerts and in the documents, names, labels and their values are those of the
// running service, which promtool accepts.
func TestEveryMetricThatIsNamedIsServed(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	service.Until(t, "each kind of payment was counted", func() bool {
		s.once()
		text := s.Metrics()
		return strings.Contains(text, "payonce_declines_total{") && strings.Contains(text, `status="requires_action"`) &&
			strings.Contains(text, `payonce_payments_total{currency="EUR",status="processing"}`)
	})
	text := s.Metrics()
	promtool(t, text, "check", "metrics")
	all := served(t, text)

	b := loadBoard(t)
	texts := b.queries()
	for _, a := range alerts(t) {
		texts["alert "+a.Alert] = a.Expr
	}
	for _, page := range []string{"runbook.md", "monitoring.md"} {
		texts[page] = read(t, root+"/docs/"+page)
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		for _, mistake := range wrong(all, texts[name]) {
			t.Errorf("%s: %s", name, mistake)
		}
	}
	for name := range all {
		if strings.HasPrefix(name, "payonce_") && !strings.Contains(texts["monitoring.md"], "`"+name) {
			t.Errorf("docs/monitoring.md doesn't explain %s", name)
		}
	}
	checkTypes(t, all)
	for _, m := range all["payonce_job_failing"].GetMetric() {
		if m.GetGauge().GetValue() != 0 {
			t.Errorf("the job %s fails", m.GetLabel()[0].GetValue())
		}
	}
}

// checkTypes: what promtool doesn't see is a counter that only its name tells.
func checkTypes(t *testing.T, all map[string]*dto.MetricFamily) {
	t.Helper()
	for name, f := range all {
		if !strings.HasPrefix(name, "payonce_") {
			continue
		}
		counts, times := f.GetType() == dto.MetricType_COUNTER, f.GetType() == dto.MetricType_HISTOGRAM
		if counts != strings.HasSuffix(name, "_total") || times != strings.HasSuffix(name, "_duration_seconds") {
			t.Errorf("%s is a %s, want _total for counters and _duration_seconds for histograms", name, f.GetType())
		}
	}
}

// TestANameThatIsNotServedIsFound: the checks above can fail.
func TestANameThatIsNotServedIsFound(t *testing.T) {
	t.Parallel()
	all := served(t, "# TYPE payonce_a_total counter\npayonce_a_total{kind=\"x\"} 1\n# TYPE payonce_b_duration_seconds histogram\n"+
		"payonce_b_duration_seconds_bucket{le=\"+Inf\"} 1\npayonce_b_duration_seconds_sum 1\npayonce_b_duration_seconds_count 1\n")
	for text, mistakes := range map[string]int{
		`sum by (kind) (rate(payonce_a_total{kind="x"}[5m]))`: 0, `payonce_a_total{kind=~"x|y", instance="i"}`: 0,
		`sum by (le) (payonce_b_duration_seconds_bucket)`: 0, `payonce_b_duration_seconds_count`: 0,
		`payonce_a`: 1, `payonce_a_total_count`: 1, `payonce_a_total{kind="y"}`: 1, `payonce_a_total{sort="x"}`: 1,
		`sum by (sort) (payonce_a_total)`: 1, `payonce_c + payonce_d`: 2,
	} {
		if got := wrong(all, text); len(got) != mistakes {
			t.Errorf("%s: got %q, want %d mistakes", text, got, mistakes)
		}
	}
}

func TestABreakerThatOpensIsSeen(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	client := s.NewMerchant()
	client.Pay(client.CreateOrder(), "pm_card_visa", "first")
	for _, breaker := range []string{"provider", "redis"} {
		if s.Metric(`payonce_breaker_state{breaker="`+breaker+`",state="closed"}`) != 1 {
			t.Errorf("the breaker %s isn't closed", breaker)
		}
	}
	s.Simulator.RefuseConnections()
	tries := 0
	service.Until(t, "the provider's breaker is open", func() bool {
		tries++
		client.Pay(client.CreateOrder(), "pm_card_visa", fmt.Sprint("refused-", tries))
		return s.Metric(`payonce_breaker_state{breaker="provider",state="open"}`) == 1
	})
	if s.Metric(`payonce_breaker_state{breaker="provider",state="closed"}`) != 0 {
		t.Error("the breaker is open and closed")
	}
	if n := s.Metric(`payonce_provider_calls_total{operation="authorize",outcome="not_sent"}`); n == 0 {
		t.Error("no call was counted as not sent")
	}
}
