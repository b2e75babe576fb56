package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// meter is a proxy that counts round trips: how often a client speaks after it was spoken to.
type meter struct {
	address string
	trips   atomic.Int64
}

// startMeter forwards a loopback port to a server.
func startMeter(t *testing.T, network, server string) *meter {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{address: listener.Addr().String()}
	var connections sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	connections.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { m.forward(ctx, client, network, server) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		connections.Wait()
	})
	return m
}

func (m *meter) forward(ctx context.Context, client net.Conn, network, address string) {
	server, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		_ = client.Close()
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(client.Close(), server.Close()) })
	defer stop()
	var spoken atomic.Bool // the server was the last to speak
	spoken.Store(true)
	var ways sync.WaitGroup
	ways.Go(func() {
		_, _ = io.Copy(writer(func(p []byte) (int, error) {
			if spoken.Swap(false) {
				m.trips.Add(1)
			}
			return server.Write(p)
		}), client)
		_ = server.Close()
	})
	ways.Go(func() {
		_, _ = io.Copy(writer(func(p []byte) (int, error) {
			spoken.Store(true)
			return client.Write(p)
		}), server)
		_ = client.Close()
	})
	ways.Wait()
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
