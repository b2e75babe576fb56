package session

import (
	"net"
	"syscall"
	"testing"
)

// A peer that is gone without a word is found out in seconds, whether bytes are on their way or not.
func TestConnectionsLimitHowLongAPeerMayBeSilent(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	conn, err := dialer().DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for option, want := range map[int]int{
		syscall.TCP_KEEPIDLE: 5, syscall.TCP_KEEPINTVL: 2, syscall.TCP_KEEPCNT: 3, tcpUserTimeout: 10_000,
	} {
		var got int
		control := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, option) })
		if control != nil || err != nil || got != want {
			t.Errorf("option %d: got %d, %v, %v; want %d", option, got, control, err, want)
		}
	}
}
