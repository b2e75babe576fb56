//go:build linux || darwin || freebsd || netbsd || openbsd

package session

import (
	"net"
	"syscall"
)

// closed is true when the peer has ended a connection on which nothing is asked: an end, a reset and a server's last words
// wait in the socket by then. To look at it costs no round trip.
func closed(conn net.Conn) bool {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	silent := false
	// Control and not Read: pgx may have left a read of its own waiting here (it begins one when a write takes more than
	// 15 ms), and Read would wait behind that one for as long as the server has nothing to say.
	err = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = err == syscall.EAGAIN || err == syscall.EINTR
	})
	return err != nil || !silent
}
