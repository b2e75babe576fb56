package proxy

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
)

// maxSaid bounds what is kept of a request for Fault.Match: its head, and the beginning of its body.
const maxSaid = 16 << 10

// HTTP is a proxy in front of a server that speaks HTTP/1.1 without TLS. It forwards bytes and neither reads nor repeats
// requests; who speaks after whom is all that it knows.
type HTTP struct{ *Proxy }

// NewHTTP starts a proxy in front of the server of a http:// URL, which is not asked yet.
func NewHTTP(ctx context.Context, serverURL string) (*HTTP, error) {
	host, err := hostOf(serverURL)
	if err != nil {
		return nil, err
	}
	proxy, err := start(ctx, "tcp", host, func(*Proxy) speech { return &httpSpeech{} })
	if err != nil {
		return nil, err
	}
	return &HTTP{proxy}, nil
}

// URL is the server's address through the proxy, without a path.
func (h *HTTP) URL() string { return "http://" + h.Address() }

// Target sends new connections to another server: one that came back on another port. Old connections stay.
func (h *HTTP) Target(serverURL string) error {
	host, err := hostOf(serverURL)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.server = host
	return nil
}

func hostOf(serverURL string) (string, error) {
	server, err := url.Parse(serverURL)
	if err != nil || server.Scheme != "http" || server.Host == "" {
		return "", errors.New("want http://host:port")
	}
	if server.Port() == "" {
		return net.JoinHostPort(server.Hostname(), "80"), nil
	}
	return server.Host, nil
}

type httpSpeech struct {
	mu       sync.Mutex
	said     []byte // of this request
	answered bool
}

func (s *httpSpeech) frame(_ direction, b []byte) int { return len(b) }

func (s *httpSpeech) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.said)
}

func (s *httpSpeech) see(dir direction, unit []byte) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if dir == toClient {
		s.answered = true
		return verdict{out: unit}
	}
	if s.answered {
		s.said, s.answered = nil, false
	}
	s.said = append(s.said, unit[:min(len(unit), maxSaid-len(s.said))]...)
	return verdict{out: unit}
}
