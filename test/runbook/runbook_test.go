package runbook

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

const root = "../.."

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAPaymentThatNeedsReviewIsMarkedFailedByHand follows the section of that name, with its own SQL.
func TestAPaymentThatNeedsReviewIsMarkedFailedByHand(t *testing.T) {
	t.Parallel()
	sql := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(page(t), -1)
	if len(sql) != 3 {
		t.Fatalf("the runbook has %d blocks of SQL, want one about customers, one that lists and one that decides", len(sql))
	}
	s := service.Start(t, service.Options{})
	if waiting := query(t, s, sql[0][1]); len(waiting) != 1 || len(waiting[0].Rows) != 0 {
		t.Errorf("the list of payments that wait for their customer: got %v, want an empty one", waiting)
	}
	sql = sql[1:]
	client := s.NewMerchant()
	order := client.CreateOrder()
	paid := client.Pay(order, "pm_sim_wrong_amount", "reviewed")
	if paid.Status != http.StatusAccepted || paid.Field("status_reason") != "needs_review" {
		t.Fatalf("paying another amount than asked gave %s", paid)
	}

	open := query(t, s, sql[0][1])
	if len(open) != 1 || len(open[0].Rows) != 1 {
		t.Fatalf("the list of discrepancies is %v", open)
	}
	payment, public := string(open[0].Rows[0][0]), string(open[0].Rows[0][len(open[0].Rows[0])-1])
	if public != paid.Field("id") {
		t.Errorf("the list names %s, not %s", public, paid.Field("id"))
	}
	decide := strings.NewReplacer(":'payment'", "'"+payment+"'", ":'reason'", "'ticket 42'").Replace(sql[1][1])
	for i, want := range []string{"UPDATE 1", "UPDATE 0"} { // the second time there is nothing left to decide
		results := query(t, s, decide)
		if got := results[1].CommandTag.String(); got != want {
			t.Errorf("run %d: %s, want %s", i+1, got, want)
		}
	}

	if now := client.Get("/v1/payments/" + public); now.Field("status") != "failed" || now.Field("status_reason") != "resolved_by_operator" {
		t.Errorf("the payment is %s", now)
	}
	if again := client.Pay(order, "pm_sim_wrong_amount", "reviewed"); !again.Same(paid) {
		t.Errorf("the key's answer changed to %s", again)
	}
	if other := client.Pay(order, "pm_card_visa", "other"); other.Status != http.StatusCreated {
		t.Errorf("the order can't be paid after it: %s", other)
	}
	if events := client.Get("/v1/events"); !strings.Contains(string(events.Body), "resolved_by_operator") {
		t.Errorf("the event log doesn't tell of the decision: %s", events)
	}
}

// query runs statements as psql does.
func query(t *testing.T, s *service.Service, sql string) []*pgconn.Result {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), s.Options.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// TestEveryAlertOfPrometheusHasASection, and no section is about an alert that isn't there any more. What the alerts name is held to the
// running service in test/monitoring.
func TestEveryAlertOfPrometheusHasASection(t *testing.T) {
	t.Parallel()
	names := func(pattern, text string) (all []string) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			all = append(all, match[1])
		}
		slices.Sort(all)
		return all
	}
	rules, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", "rules", "payonce.yml"))
	if err != nil {
		t.Fatal(err)
	}
	alerts, sections := names(`(?m)^ +- alert: (\w+)$`, string(rules)), names(`(?m)^### (\w+)$`, alertSections(t))
	if diff := cmp.Diff(alerts, sections); diff != "" || len(alerts) == 0 {
		t.Errorf("alerts (-) and sections (+):\n%s", diff)
	}
	severities := names("(?m)^### \\w+\n\n`(page|ticket)`", alertSections(t))
	if got, want := len(severities), len(sections); got != want {
		t.Errorf("%d sections begin with their severity, want %d", got, want)
	}
}

// alertSections is the part of the runbook about Prometheus's alerts.
func alertSections(t *testing.T) string {
	t.Helper()
	_, text, _ := strings.Cut(page(t), "\n## Alerts\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

func TestTheQueriesOfTheAlertSectionsRun(t *testing.T) {
	t.Parallel()
	queries := regexp.MustCompile("`(SELECT [^`]+)`").FindAllStringSubmatch(alertSections(t), -1)
	if len(queries) < 3 {
		t.Fatalf("the sections have %d queries", len(queries))
	}
	s := service.Start(t, service.Options{})
	for _, q := range queries {
		query(t, s, q[1])
	}
}

// TestTheRunbookKnowsEveryAlertOfTheLog: an operator who searches for a line finds what to do, and no line is made up.
func TestTheRunbookKnowsEveryAlertOfTheLog(t *testing.T) {
	t.Parallel()
	logged := map[string]bool{}
	alert := regexp.MustCompile(`"(ALERT [^"]+)"`)
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range alert.FindAllStringSubmatch(string(text), -1) {
			logged[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(page(t)), " ")
	for line := range logged {
		if !strings.Contains(text, "`"+line+"`") {
			t.Errorf("the runbook doesn't say what to do about %q", line)
		}
	}
	for _, match := range regexp.MustCompile("`(ALERT [^`]+)`").FindAllStringSubmatch(text, -1) {
		if !logged[match[1]] {
			t.Errorf("nothing logs %q", match[1])
		}
	}
}
