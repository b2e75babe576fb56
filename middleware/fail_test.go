package middleware_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/middleware"
)

// Whatever is refused for now has a time to ask again: in whole seconds, from 1 to 60.
func TestStatusOfARefusalForNowComesWithATimeToAskAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err        error
		status     int
		retryAfter time.Duration
	}{
		{&idempotency.InFlightError{}, 409, time.Second},
		{&idempotency.InFlightError{RetryAfter: -time.Minute}, 409, time.Second},
		{&idempotency.InFlightError{RetryAfter: 29*time.Second + time.Millisecond}, 409, 30 * time.Second},
		{&idempotency.InFlightError{RetryAfter: time.Hour}, 409, time.Minute},
		{&idempotency.LimitedError{}, 429, time.Second},
		{&idempotency.LimitedError{Admission: idempotency.Admission{RetryAfter: time.Microsecond}}, 429, time.Second},
		{&idempotency.LimitedError{Admission: idempotency.Admission{RetryAfter: time.Minute}}, 429, time.Minute},
		{idempotency.ErrUnavailable, 503, 2 * time.Second},
		{fmt.Errorf("look up: %w", idempotency.ErrUnavailable), 503, 2 * time.Second},
		{idempotency.ErrCommitUnknown, 503, 2 * time.Second},
		{idempotency.ErrSerialization, 503, 2 * time.Second},
		{idempotency.ErrReused, 422, 0},
		{&idempotency.ExpiredError{}, 410, 0},
		{idempotency.ErrKeyMissing, 400, 0},
		{middleware.ErrUnauthorized, 401, 0},
		{errors.New("a bug"), 500, 0},
	} {
		status, retryAfter := middleware.StatusOf(test.err)
		if status != test.status || retryAfter != test.retryAfter {
			t.Errorf("%v: got %d, Retry-After %s; want %d, %s", test.err, status, retryAfter, test.status, test.retryAfter)
		}
	}
}

func TestDefaultFailShowsNoMoreThanTheClientMaySee(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err                error
		status             int
		retryAfter, detail string
	}{
		{idempotency.ErrReused, 422, "", idempotency.ErrReused.Error()},
		{&idempotency.InFlightError{RetryAfter: 3 * time.Second}, 409, "3", "still running"},
		{fmt.Errorf("dial 10.0.0.1:5432: %w", idempotency.ErrUnavailable), 503, "2", ""},
		{fmt.Errorf("%w: read tcp 10.0.0.1:80", middleware.ErrBodyUnreadable), 400, "", ""},
		{errors.New("SELECT secret"), 500, "", ""},
		{middleware.ErrUnauthorized, 401, "", middleware.ErrUnauthorized.Error()},
	} {
		w := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(w)
		middleware.DefaultFail(c, test.err)
		var got struct {
			Title, Detail string
			Status        int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s: %v", test.err, w.Body, err)
		}
		if w.Code != test.status || got.Status != test.status || got.Title != http.StatusText(test.status) ||
			w.Header().Get("Retry-After") != test.retryAfter || w.Header().Get("Content-Type") != "application/problem+json" || !c.IsAborted() {
			t.Errorf("%v: got %d %v %s; want %d, Retry-After %q", test.err, w.Code, w.Header(), w.Body, test.status, test.retryAfter)
		}
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (test.status == 401) {
			t.Errorf("%v: got the challenge %q, want one with 401 only", test.err, challenge)
		}
		if (got.Detail == "") != (test.detail == "") || !strings.Contains(got.Detail, test.detail) {
			t.Errorf("%v: got the detail %q, want %q", test.err, got.Detail, test.detail)
		}
	}
}
