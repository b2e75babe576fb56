// Command retryable sends one POST with go-retryablehttp, as it is or as docs/integration.md sets it. A module of its own, so that the
// service's go.mod stays small.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// again repeats what payonce says may succeed later, a 409 in flight for instance.
func again(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if err != nil || resp.Header.Get("Content-Type") != "application/problem+json" {
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return true, nil // the answer broke off
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var problem struct{ Retryable bool }
	return json.Unmarshal(body, &problem) == nil && problem.Retryable, ctx.Err()
}

// pause honours Retry-After for every status; the library's own does for 429 and 503.
func pause(shortest, longest time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil && resp.StatusCode == http.StatusConflict {
		resp = &http.Response{StatusCode: http.StatusServiceUnavailable, Header: resp.Header}
	}
	return retryablehttp.DefaultBackoff(shortest, longest, attempt, resp)
}

func main() {
	client := retryablehttp.NewClient()
	client.Logger = nil
	if os.Args[1] == "set" {
		client.CheckRetry, client.Backoff, client.ErrorHandler = again, pause, retryablehttp.PassthroughErrorHandler
	}
	req, err := retryablehttp.NewRequestWithContext(context.Background(), http.MethodPost, os.Args[2], []byte("{}"))
	if err == nil {
		req.Header.Set("Idempotency-Key", "k")
		var resp *http.Response
		if resp, err = client.Do(req); err == nil {
			err = resp.Body.Close()
		}
	}
	if err != nil {
		slog.Error("no answer", "error", err)
	}
}
