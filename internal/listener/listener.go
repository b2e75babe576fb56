// Package listener shows a merchant's events in the terminal while a receiver is developed: it makes a webhook endpoint on this machine,
// verifies what arrives, prints a line per event, passes it on, and takes the endpoint away at the end.
package listener

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	maxEvent     = 1 << 20
	callTimeout  = 10 * time.Second
	forwardLimit = 14 * time.Second // less than the service waits for an answer
	goodbye      = 5 * time.Second
)

// Config is what to listen to.
type Config struct {
	URL     string   // of the service
	APIKey  string   // of the merchant
	Events  []string // nil: all
	Forward string   // where events are sent on to; empty: nowhere
	Out     io.Writer
}

// temporary is an endpoint that is taken away again.
type temporary struct {
	cfg      Config
	client   *http.Client
	endpoint string        // id
	hook     chan struct{} // closed when verify is set
	verify   *standardwebhooks.Webhook
	print    sync.Mutex
}

// Run listens until the context ends. The endpoint is taken away then, also when something else failed.
func Run(ctx context.Context, cfg Config) (err error) {
	l := &temporary{cfg: cfg, client: &http.Client{Timeout: callTimeout}, hook: make(chan struct{})}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on this machine: %w", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(l.receive), ReadHeaderTimeout: callTimeout}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(socket) }()
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := l.register(ctx, "http://"+socket.Addr().String()+"/"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.remove(ctx)) }()
	l.say("listening to events of %s as %s; Ctrl-C ends it", cfg.URL, l.endpoint)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// register makes the endpoint.
func (l *temporary) register(ctx context.Context, address string) error {
	request := map[string]any{"url": address, "description": "payonce listen"}
	if l.cfg.Events != nil {
		request["events"] = l.cfg.Events
	}
	var made struct{ ID, Secret string }
	if err := l.call(ctx, http.MethodPost, "/v1/webhook-endpoints", request, &made); err != nil {
		return fmt.Errorf("make a webhook endpoint: %w", err)
	}
	hook, err := standardwebhooks.NewWebhook(made.Secret)
	if err != nil {
		return fmt.Errorf("the endpoint's secret: %w", err)
	}
	l.endpoint, l.verify = made.ID, hook
	close(l.hook)
	return nil
}

// remove takes the endpoint away, also after Ctrl-C.
func (l *temporary) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if err := l.call(ctx, http.MethodDelete, "/v1/webhook-endpoints/"+l.endpoint, nil, nil); err != nil {
		return fmt.Errorf("delete the webhook endpoint %s: %w", l.endpoint, err)
	}
	return nil
}

// call sends a request that changes something, and reads its answer.
func (l *temporary) call(ctx context.Context, method, path string, request, answer any) error {
	var body io.Reader = http.NoBody
	if request != nil {
		text, err := json.Marshal(request)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(l.cfg.URL, "/")+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+l.cfg.APIKey)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", uuid.NewString())
	resp, err := l.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: is the service running there? --url names another place", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxEvent))
	if err != nil {
		return err
	}
	if resp.StatusCode > 299 {
		return refused(resp.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// refused is one sentence about a problem.
func refused(status int, text []byte) error {
	var p struct {
		Code, Detail string
		Errors       []struct{ Pointer, Detail string }
	}
	_ = json.Unmarshal(text, &p) // what is no problem has no detail
	if status == http.StatusUnprocessableEntity && len(p.Errors) > 0 && p.Errors[0].Pointer == "/url" {
		return errors.New("the service sends no events to this machine: start it with WEBHOOK_ALLOW_LOOPBACK=on, for development")
	}
	return fmt.Errorf("the service answered %d %s: %s", status, p.Code, p.Detail)
}

// receive is the endpoint.
func (l *temporary) receive(w http.ResponseWriter, req *http.Request) {
	select {
	case <-l.hook:
	case <-req.Context().Done():
		return
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxEvent))
	if err == nil {
		err = l.verify.Verify(body, req.Header)
	}
	if err != nil {
		l.say("refused: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	status, note := l.forward(req, body)
	var event struct {
		ID         string `json:"id"`
		Type       string `json:"type"`
		ResourceID string `json:"resource_id"`
		CreatedAt  string `json:"created_at"`
	}
	_ = json.Unmarshal(body, &event) // it is signed
	l.say("%s  %-24s  %s  %s%s", event.CreatedAt, event.Type, event.ID, event.ResourceID, note)
	w.WriteHeader(status)
}

// forward sends an event on as it came, so that its signature can be verified there, too, and returns what to answer.
func (l *temporary) forward(from *http.Request, body []byte) (status int, note string) {
	if l.cfg.Forward == "" {
		return http.StatusOK, ""
	}
	ctx, cancel := context.WithTimeout(from.Context(), forwardLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.cfg.Forward, bytes.NewReader(body))
	if err != nil {
		return http.StatusBadGateway, "  -> " + err.Error()
	}
	for _, name := range []string{"Content-Type", "User-Agent", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		req.Header.Set(name, from.Header.Get(name))
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return http.StatusBadGateway, "  -> " + err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode, "  -> " + resp.Status
}

func (l *temporary) say(format string, args ...any) {
	l.print.Lock()
	defer l.print.Unlock()
	_, _ = fmt.Fprintf(l.cfg.Out, format+"\n", args...)
}
