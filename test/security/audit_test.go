package security

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
)

func length(body string) string { return strconv.Itoa(len(body)) }

// series reads every metric, and fails when one of them holds what a client has sent.
func (s *target) series(t *testing.T) map[string]float64 {
	t.Helper()
	text := s.service.Metrics()
	if strings.Contains(text, canary) {
		t.Error("/metrics holds what a client has sent")
	}
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if !strings.HasPrefix(line, "#") && strings.Contains(line, "{") {
			name += "}"
		} else {
			name, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	return all
}

func (s *target) metric(t *testing.T, name string) float64 { t.Helper(); return s.series(t)[name] }

// requests is how many requests the service has answered so far.
func (s *target) requests(t *testing.T) (n int) {
	t.Helper()
	for name, value := range s.series(t) {
		if strings.HasPrefix(name, "payonce_http_requests_total{") {
			n += int(value)
		}
	}
	return n
}

// known are the members that a request's line may have.
func known() []string {
	return []string{
		"time", "level", "msg", "request_id", "method", "route", "status", "elapsed_ms", "paced_ms", "client", "merchant", "key_id", "code", "error", "served_by", "stack",
	}
}

// auditLog: one line for each request, every line whole, and nothing of what the attackers wrote.
func (s *target) auditLog(t *testing.T) {
	var lines []string
	service.Until(t, "every request has its line", func() bool { // lines are written behind the answers
		lines = strings.Split(strings.TrimSpace(s.service.Log()), "\n")
		return count(lines, `"msg":"request"`) >= s.requests(t)
	})
	ids := map[string]bool{}
	requests := 0
	for _, line := range lines {
		if strings.Contains(line, "listening on http://") && !strings.HasPrefix(line, "{") {
			continue
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Errorf("a line of the log is no object: %.300q", line)
			continue
		}
		if members["msg"] != "request" {
			continue
		}
		requests++
		for name := range members {
			if !slices.Contains(known(), name) {
				t.Errorf("the member %.100q in %.300q", name, line)
			}
		}
		id, _ := members["request_id"].(string)
		if ids[id] {
			t.Errorf("two lines for the request %q", id)
		}
		ids[id] = true
	}
	if n := s.requests(t); requests != n || n < 500 {
		t.Errorf("%d lines for %d requests", requests, n)
	}
	if text := s.service.Log() + s.service.Output(); strings.Contains(text, canary) {
		at := strings.Index(text, canary)
		t.Errorf("what a client has sent stands in the log: %.400q", text[max(0, at-200):])
	}
}

func count(lines []string, part string) (n int) {
	for _, line := range lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// auditMemory: nothing of the bombs is kept. The bound is for a service under the race detector, too.
func (s *target) auditMemory(t *testing.T) {
	if resident := s.metric(t, "process_resident_memory_bytes"); resident > 1<<30 || resident == 0 {
		t.Errorf("%.0f bytes are resident", resident)
	}
	if open := s.metric(t, "process_open_fds"); open > 1000 {
		t.Errorf("%.0f files are open", open)
	}
}
