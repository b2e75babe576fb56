package payonce

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say how a client behaves. The zero value is good for most programs, but for Store: a program that must not forget
// its keys when it restarts needs one that lasts, [FileStore] or a table of its own database.
type Options struct {
	Store    Store         // where keys are kept; default: a [MemoryStore]
	HTTP     *http.Client  // default: one of its own. It is copied; redirects are never followed
	Wait     time.Duration // Prefer: wait, in whole seconds; default 10 s, which is the server's default maximum; negative: not sent
	Timeout  time.Duration // of one attempt; default 30 s. It has to be longer than Wait
	Attempts int           // of one call at most; default 10
	Elapsed  time.Duration // for one call with all its attempts and pauses; default 2 min
	Pause    time.Duration // upper end of the first pause, which doubles; default 200 ms
	MaxPause time.Duration // upper end of all pauses, Retry-After aside; default 5 s
	// Observe, when set, is called after each attempt, from the goroutine of its call.
	Observe func(Attempt)
}

// Attempt is one request as it went.
type Attempt struct {
	Operation, Method, Path, Key string // Operation and Key are empty for requests that only read

	Number   int // from 1
	Status   int // 0: no whole answer
	Replayed bool
	Err      error         // why there was no answer, or the *Problem
	Pause    time.Duration // until the next attempt; 0: there is none
}

// Client calls one payonce as one merchant. Safe for concurrent use.
type Client struct {
	base    string
	apiKey  string
	http    *http.Client
	opt     Options
	running operations
}

// New returns a client of the service at baseURL (scheme and host, perhaps with a path prefix). It sends nothing yet.
func New(baseURL, apiKey string, opt Options) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil || (base.Scheme != "https" && base.Scheme != "http") || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		// Without its text: it may hold a password.
		return nil, errors.New("payonce: the base URL has to be http(s)://host, without query and fragment")
	}
	if apiKey == "" || strings.ContainsFunc(apiKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		// Without its text: it is a secret.
		return nil, errors.New("payonce: the API key is empty, or has white space or characters in it that are not visible ASCII")
	}
	opt = opt.withDefaults()
	if opt.Wait >= opt.Timeout {
		return nil, fmt.Errorf("payonce: Timeout is %s and has to be longer than Wait, which is %s", opt.Timeout, opt.Wait)
	}
	client := *opt.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: strings.TrimSuffix(base.String(), "/"), apiKey: apiKey, http: &client, opt: opt}, nil
}

func (o Options) withDefaults() Options {
	if o.Store == nil {
		o.Store = NewMemoryStore()
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{}
	}
	if o.Attempts <= 0 {
		o.Attempts = 10
	}
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&o.Timeout, 30 * time.Second},
		{&o.Elapsed, 2 * time.Minute},
		{&o.Pause, 200 * time.Millisecond},
		{&o.MaxPause, 5 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	return o
}
