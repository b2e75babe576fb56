package provider_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// scripted listens on loopback and hands each connection, with its number from 1, to serve on a goroutine of its own.
func scripted(t *testing.T, serve func(number int64, conn *net.TCPConn)) (url string) {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for number := int64(1); ; number++ {
			conn, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(number, conn)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// take reads one whole request.
func take(r *bufio.Reader) error {
	req, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}

func say(conn net.Conn, body string) {
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// brokenExchanges are the ways in which a peer that has read the request can fail to answer it.
func brokenExchanges() map[string]func(conn *net.TCPConn) {
	return map[string]func(conn *net.TCPConn){
		"reset": func(conn *net.TCPConn) { _ = conn.SetLinger(0) },
		"closed": func(*net.TCPConn) {
		},
		"garbage": func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "the provider's own words "+secret+"\r\n\r\n")
		},
		"cut body": func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"+intentJSON[:50])
		},
		"reset in the body": func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"+intentJSON[:50])
			_ = conn.SetLinger(0)
		},
		"huge headers": func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for range 10_000 {
				if _, err := io.WriteString(conn, "X-Words: the provider's own words\r\n"); err != nil {
					return
				}
			}
		},
		"endless body": func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 52428800\r\n\r\n")
			page := make([]byte, 1<<16)
			for range 800 {
				if _, err := conn.Write(page); err != nil {
					return
				}
			}
		},
	}
}

func TestBrokenExchangesAreUnknownAndSentOnce(t *testing.T) {
	t.Parallel()
	for name, answer := range brokenExchanges() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			url := scripted(t, func(_ int64, conn *net.TCPConn) {
				if take(bufio.NewReader(conn)) == nil {
					requests.Add(1)
					answer(conn)
				}
			})
			start := time.Now()
			res := client(t, url).Authorize(t.Context(), ask())
			if res.Outcome != provider.Unknown || res.Err == nil || requests.Load() != 1 {
				t.Errorf("%+v after %d requests", res, requests.Load())
			}
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("took %s: the fault was not seen before the deadline", took)
			}
			silent(t, res)
		})
	}
}

func TestTheDeadlineCoversTheWholeCall(t *testing.T) {
	t.Parallel()
	cases := map[string]func(conn *net.TCPConn, gone <-chan struct{}){
		"silence": func(_ *net.TCPConn, gone <-chan struct{}) { <-gone },
		"slow drip": func(conn *net.TCPConn, gone <-chan struct{}) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n\r\n")
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					if _, err := io.WriteString(conn, " "); err != nil {
						return
					}
				case <-gone:
					return
				}
			}
		},
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			t.Cleanup(func() { close(gone) })
			url := scripted(t, func(_ int64, conn *net.TCPConn) {
				if take(bufio.NewReader(conn)) == nil {
					answer(conn, gone)
				}
			})
			c := client(t, url, within(time.Second))
			start := time.Now()
			for op, res := range map[string]provider.Result[provider.Intent]{
				"authorize": c.Authorize(t.Context(), ask()), "retrieve": c.Retrieve(t.Context(), "pi_1"), "find": c.Find(t.Context(), look()),
			} {
				if res.Outcome != provider.Unknown || !errors.Is(res.Err, context.DeadlineExceeded) {
					t.Errorf("%s: %+v", op, res)
				}
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("three calls of 1 s took %s", took)
			}
		})
	}
}

func TestTheCallersDeadlineCountsWhenItIsShorter(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	t.Cleanup(func() { close(gone) })
	url := scripted(t, func(int64, *net.TCPConn) { <-gone })
	c := client(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if res := c.Authorize(ctx, ask()); res.Outcome != provider.Unknown || !errors.Is(res.Err, context.DeadlineExceeded) {
		t.Errorf("%+v", res)
	}
	if res := c.Authorize(ctx, ask()); res.Outcome != provider.NotSent {
		t.Errorf("a call that began after its deadline: %+v", res)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		target, followed := answering(t, 200, "application/json", intentJSON)
		server := httptest.NewServer(http.RedirectHandler(target, status))
		res := client(t, server.URL).Authorize(t.Context(), ask())
		if res.Outcome != provider.Unknown || followed.Load() != 0 {
			t.Errorf("%d: %+v, followed %d times", status, res, followed.Load())
		}
		server.Close()
	}
}

func TestARefusedConnectionWasNotSent(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c := client(t, "http://"+address)
	for op, res := range map[string]provider.Result[provider.Intent]{
		"authorize": c.Authorize(t.Context(), ask()), "retrieve": c.Retrieve(t.Context(), "pi_1"), "find": c.Find(t.Context(), look()),
	} {
		if res.Outcome != provider.NotSent || res.Err == nil || res.HTTPStatus != 0 {
			t.Errorf("%s: %+v", op, res)
		}
	}
}

func TestAnUnresolvedNameWasNotSent(t *testing.T) {
	t.Parallel()
	// A resolver without a network may answer slowly: the deadline ends the wait, and the outcome is the same.
	c := client(t, "http://payments.invalid", within(3*time.Second))
	if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.NotSent || res.Err == nil {
		t.Fatalf("%+v", res)
	}
}
