package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestSlowClientsAreCutOff: headers within 5 s, a body within 10 s. A client that drips holds a socket, nothing else.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for name, test := range map[string]struct {
		sends  string
		answer string
		within time.Duration
	}{
		"headers that never end": {"POST /v1/orders HTTP/1.1\r\nHost: x\r\n", "", 7 * time.Second},
		"a body that never ends": {
			"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
			"HTTP/1.1 400", 13 * time.Second,
		},
		"two lengths":                {"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345", "HTTP/1.1 400", time.Second},
		"an unknown transfer coding": {"POST /v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, test.sends); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(test.within)); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn) // until the service closes
			if err != nil || !strings.HasPrefix(string(got), test.answer) {
				t.Errorf("within %s: %q, %v", test.within, got, err)
			}
		})
	}
}
