package monitoring

import (
	"strings"
	"testing"
)

// alert is a rule of Prometheus.
type alert struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []alert
		}
	}
	decode(t, rules, &file)
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

func TestPrometheusAcceptsItsConfigurationAndTheAlertsFireAndStop(t *testing.T) {
	t.Parallel()
	promtool(t, "", "check", "config", deploy+"/prometheus.yml")
	promtool(t, "", "check", "rules", "--lint-fatal", rules)
	promtool(t, "", "test", "rules", deploy+"/tests/payonce.yml")
}

// TestEveryAlertIsSeenToFireAndToStop: promtool says whether the expectations hold, this test that there are some.
func TestEveryAlertIsSeenToFireAndToStop(t *testing.T) {
	t.Parallel()
	var file struct {
		RuleFiles          []string `yaml:"rule_files"`
		EvaluationInterval string   `yaml:"evaluation_interval"`
		Tests              []struct {
			Name, Interval string
			InputSeries    []struct{ Series, Values string } `yaml:"input_series"`
			AlertRuleTest  []struct {
				EvalTime  string           `yaml:"eval_time"`
				Alertname string           `yaml:"alertname"`
				ExpAlerts []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	decode(t, deploy+"/tests/payonce.yml", &file)
	fires, stops := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, at := range test.AlertRuleTest {
			if len(at.ExpAlerts) > 0 {
				fires[at.Alertname] = true
			} else if fires[at.Alertname] { // behind it
				stops[at.Alertname] = true
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !stops[a.Alert] {
			t.Errorf("%s: its test sees it fire: %t, and stop afterwards: %t; want both", a.Alert, fires[a.Alert], stops[a.Alert])
		}
	}
}

func TestEveryAlertSaysHowBadItIsAndWhatToDo(t *testing.T) {
	t.Parallel()
	const page = "https://github.com/payonce/payonce/blob/main/docs/runbook.md#"
	for _, a := range alerts(t) {
		if s := a.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: got the severity %q, want page or ticket", a.Alert, s)
		}
		if !strings.HasSuffix(a.Annotations["summary"], ".") {
			t.Errorf("%s: got the summary %q, want a sentence", a.Alert, a.Annotations["summary"])
		}
		if got, want := a.Annotations["runbook_url"], page+strings.ToLower(a.Alert); got != want {
			t.Errorf("%s: got the link %q, want %q", a.Alert, got, want)
		}
	}
}
