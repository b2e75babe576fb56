package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

// fetch downloads an archive to a file and holds it to its pinned size and
// checksum. Its errors name the registry by its host alone: the rest of the URL
// may hold a password.
func (d *downloads) fetch(ctx context.Context, a archive, to *os.File) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(d.stall, func() { cancel(fmt.Errorf("nothing came from %s for %s", d.registry.Host, d.stall)) })
	defer stalled.Stop()
	resp, err := d.get(ctx, a)
	if err != nil {
		return firstCause(ctx, err)
	}
	defer resp.Body.Close()
	sum := sha256.New()
	// One byte more than there should be shows a longer file.
	n, err := io.Copy(io.MultiWriter(to, sum, restart{stalled, d.stall}), io.LimitReader(resp.Body, a.size+1))
	switch got := hex.EncodeToString(sum.Sum(nil)); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("after %d of %d bytes: %w", n, a.size, err)
	case n < a.size:
		return fmt.Errorf("%s sent only %d of %d bytes", d.registry.Host, n, a.size)
	case n > a.size || got != a.sha256:
		return fmt.Errorf("%s sent another file than the pinned one, so it is not used: SHA-256 %s instead of %s",
			d.registry.Host, got, a.sha256)
	}
	return nil
}

// get asks for the file; the answer is a 200 whose length may be right.
func (d *downloads) get(ctx context.Context, a archive) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.registry.JoinPath(a.path()).String(), http.NoBody)
	if err != nil {
		return nil, errors.New("PAYONCE_DOWNLOAD_URL is not the URL of an npm registry")
	}
	// The checksum is that of the bytes as they are sent: no decompression on
	// the way. One file is all we want: no connection is kept.
	client := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableCompression: true, DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}}
	resp, err := client.Do(req)
	if err != nil {
		if full, ok := errors.AsType[*url.Error](err); ok {
			err = full.Err
		}
		return nil, fmt.Errorf("%s can't be reached: %w", d.registry.Host, err)
	}
	switch {
	case resp.StatusCode != http.StatusOK:
		err = fmt.Errorf("%s answered %d %s", d.registry.Host, resp.StatusCode, http.StatusText(resp.StatusCode))
	case resp.ContentLength >= 0 && resp.ContentLength != a.size:
		err = fmt.Errorf("%s has another file than the pinned one: %d bytes instead of %d", d.registry.Host, resp.ContentLength, a.size)
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// firstCause is why ctx ended, if it did; else err.
func firstCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// restart is a writer that starts a timer again whenever something arrives.
type restart struct {
	timer *time.Timer
	after time.Duration
}

func (r restart) Write(p []byte) (int, error) {
	r.timer.Reset(r.after)
	return len(p), nil
}
