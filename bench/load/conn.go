package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// patience bounds one answer: a service that hangs breaks a run instead of stopping it.
const patience = 30 * time.Second

// Conn is a kept-alive connection. It is not safe for concurrent use, and it is of no use after an error.
type Conn struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
}

// Answer is a response. Body is valid until the connection's next request.
type Answer struct {
	Status     int
	Replayed   bool          // Idempotent-Replayed: true
	RetryAfter time.Duration // zero without the header
	Body       []byte
}

// Dial connects to HOST:PORT.
func Dial(ctx context.Context, address string) (*Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return &Conn{conn: conn, reader: bufio.NewReaderSize(conn, 4096)}, nil
}

// dialAll opens n connections, to the addresses in turns.
func dialAll(ctx context.Context, addresses []string, n int) ([]*Conn, error) {
	conns := make([]*Conn, 0, n)
	for i := range n {
		conn, err := Dial(ctx, addresses[i%len(addresses)])
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func closeAll(conns []*Conn) {
	for _, conn := range conns {
		conn.Close()
	}
}

// Close ends the connection.
func (c *Conn) Close() { _ = c.conn.Close() }

// Do sends a whole request and reads its answer. Only answers with a Content-Length are understood; payonce's all have one.
func (c *Conn) Do(request []byte) (Answer, error) {
	if _, err := c.conn.Write(request); err != nil {
		return Answer{}, fmt.Errorf("send: %w", err)
	}
	answer, length, err := c.head()
	if err != nil {
		return Answer{}, fmt.Errorf("read the head of an answer: %w", err)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	answer.Body = c.body[:length]
	if _, err := io.ReadFull(c.reader, answer.Body); err != nil {
		return Answer{}, fmt.Errorf("read the body of an answer: %w", err)
	}
	return answer, nil
}

// until sets the deadline of all that follows on the connection: one timer a slice, not one a request.
func (c *Conn) until(deadline time.Time) { _ = c.conn.SetDeadline(deadline) }

var errNotHTTP = errors.New("not an HTTP/1.1 answer with a Content-Length")

func (c *Conn) head() (answer Answer, length int, err error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return Answer{}, 0, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return Answer{}, 0, errNotHTTP
	}
	if answer.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return Answer{}, 0, errNotHTTP
	}
	length = -1
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return Answer{}, 0, err
		}
		name, value, ok := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		if !ok {
			break
		}
		switch string(name) { // compares without allocating
		case "Content-Length":
			length, err = strconv.Atoi(string(value))
		case "Idempotent-Replayed":
			answer.Replayed = string(value) == "true"
		case "Retry-After":
			var seconds int
			seconds, err = strconv.Atoi(string(value))
			answer.RetryAfter = time.Duration(seconds) * time.Second
		}
		if err != nil {
			return Answer{}, 0, errNotHTTP
		}
	}
	if length < 0 {
		return Answer{}, 0, errNotHTTP
	}
	return answer, length, nil
}
