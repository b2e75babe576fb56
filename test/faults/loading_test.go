package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// loadingRedis is the URL of a server that answers every command as Redis does while it reads its file.
func loadingRedis(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			group.Go(func() { stillLoading(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	return fmt.Sprintf("redis://%s/0", listener.Addr())
}

// stillLoading reads commands (RESP: an array of bulk strings) and refuses each.
func stillLoading(conn net.Conn) {
	said := bufio.NewReader(conn)
	for {
		words, err := number(said, '*')
		for range words {
			var size int
			if size, err = number(said, '$'); err != nil {
				break
			}
			if _, err = io.CopyN(io.Discard, said, int64(size)+2); err != nil {
				break
			}
		}
		if err == nil {
			_, err = io.WriteString(conn, "-LOADING Redis is loading the dataset in memory\r\n")
		}
		if err != nil {
			return
		}
	}
}

// number reads a line such as *3.
func number(said *bufio.Reader, kind byte) (int, error) {
	line, err := said.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("want %c, got %q", kind, line)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
