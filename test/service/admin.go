package service

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Metrics is what /metrics serves now.
func (s *Service) Metrics() string {
	s.t.Helper()
	return string(s.admin(http.MethodGet, "/metrics", nil))
}

// Metric is the value of one series; 0 when there is none.
func (s *Service) Metric(series string) float64 {
	s.t.Helper()
	for line := range strings.SplitSeq(s.Metrics(), "\n") {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.t.Fatalf("the metric %s: %v", line, err)
			}
			return n
		}
	}
	return 0
}

// UntilJobsRan waits until each background job has ended its first round, and so has asked what it asks at a start.
func (s *Service) UntilJobsRan() {
	s.t.Helper()
	Until(s.t, "each job has ended a round", func() bool {
		text := s.Metrics()
		return strings.Contains(text, "payonce_job_rounds_total{") && !jobBeforeItsFirstRound.MatchString(text)
	})
}

var jobBeforeItsFirstRound = regexp.MustCompile(`(?m)^payonce_job_rounds_total\{.*\} 0$`)

// admin asks the admin listener, and fails the test without an answer of 200.
func (s *Service) admin(method, path string, body []byte) []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.AdminURL()+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Close = true // the process may be another one next time
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: status %d, %v: %s", method, path, resp.StatusCode, err, answer)
	}
	return answer
}
