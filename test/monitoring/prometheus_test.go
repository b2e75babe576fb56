package monitoring

import (
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/textlog"
)

// prometheus is a real one that scrapes a service.
type prometheus struct{ url string }

// startPrometheus runs it with the repository's configuration, but for where the replicas are and for how often they are asked.
func startPrometheus(t *testing.T, admin string) prometheus {
	t.Helper()
	path := program(t, "prometheus")
	folder := t.TempDir()
	var cfg map[string]any
	decode(t, deploy+"/prometheus.yml", &cfg)
	absolute, err := filepath.Abs(deploy)
	if err != nil {
		t.Fatal(err)
	}
	cfg["global"] = map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"}
	cfg["rule_files"] = []string{absolute + "/rules/*.yml"}
	scrape, ok := cfg["scrape_configs"].([]any)[0].(map[string]any)
	if !ok {
		t.Fatalf("got %v, want what is scraped", cfg["scrape_configs"])
	}
	delete(scrape, "dns_sd_configs")
	scrape["static_configs"] = []any{map[string]any{"targets": []string{strings.TrimPrefix(admin, "http://")}}}
	text, err := yaml.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "prometheus.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	log := &textlog.Log{}
	cmd := exec.Command(path, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0")
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = log, log, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // how it ends says nothing
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL) // an error says that it is gone
		<-ended
		if t.Failed() {
			t.Logf("Prometheus's log:\n%s", log)
		}
	})
	var p prometheus
	service.Until(t, "Prometheus is ready", func() bool {
		found := regexp.MustCompile(`msg="Listening on" address=(\S+)`).FindStringSubmatch(log.String())
		if found == nil {
			return false
		}
		p.url = "http://" + found[1]
		status, _ := p.get(t, "/-/ready")
		return status == http.StatusOK
	})
	return p
}

// get reads a path of its API.
func (p prometheus) get(t *testing.T, path string) (status int, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// has reports whether a query has a sample that is a number, at the present.
func (p prometheus) has(t *testing.T, query string) bool {
	t.Helper()
	_, body := p.get(t, "/api/v1/query?query="+url.QueryEscape(query))
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Value []any }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Error != "" {
		t.Fatalf("%s: %s", query, answer.Error)
	}
	return slices.ContainsFunc(answer.Data.Result, func(r struct{ Value []any }) bool {
		text, _ := r.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		return err == nil && !math.IsNaN(value)
	})
}

// TestEveryPanelOfTheBoardHasDataAfterTraffic is as near to looking at the board as it gets without Grafana.
func TestEveryPanelOfTheBoardHasDataAfterTraffic(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	p := startPrometheus(t, s.AdminURL())
	s.keepOn(t)
	b := loadBoard(t)
	left := b.queries()
	if len(left) < 40 {
		t.Fatalf("the board has %d queries", len(left))
	}
	for _, a := range alerts(t) { // Prometheus accepts them together with the service's own series
		p.has(t, a.Expr)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for len(left) > 0 && time.Now().Before(deadline) {
		maps.DeleteFunc(left, func(_, query string) bool { return p.has(t, query) })
		<-time.After(200 * time.Millisecond)
	}
	for name, query := range left {
		t.Errorf("the panel's query %s has no data: %s", name, query)
	}
	if !p.has(t, `payonce_build_info{version!=""}`) || p.has(t, `payonce_no_such_metric`) {
		t.Error("Prometheus doesn't tell what is served from what isn't")
	}
}
