package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Copies are one request on many connections, all open before the moment.
type Copies struct {
	conns   []*Conn
	request []byte
}

// Gather connects.
func Gather(ctx context.Context, address string, n int, request []byte) (*Copies, error) {
	conns, err := dialAll(ctx, []string{address}, n)
	if err != nil {
		return nil, err
	}
	return &Copies{conns: conns, request: request}, nil
}

// Close ends the connections.
func (c *Copies) Close() { closeAll(c.conns) }

// Send sends all copies, evenly within a time or, with none, at once. Who is told that the first one is still running asks
// again when it was told to. It returns how long it took until each had its outcome, and fails unless all outcomes are the
// same 201.
func (c *Copies) Send(ctx context.Context, within time.Duration) (took time.Duration, err error) {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		body  []byte
		began = time.Now()
	)
	for i, conn := range c.conns {
		conn.until(began.Add(within + patience))
		group.Go(func() {
			waitUntil(ctx, began.Add(within*time.Duration(i)/time.Duration(len(c.conns))))
			answer, failed := insist(ctx, conn, c.request)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case failed != nil:
				err = errors.Join(err, failed)
			case body == nil:
				body = bytes.Clone(answer.Body)
			case !bytes.Equal(body, answer.Body):
				err = errors.Join(err, errors.New("two copies got different answers"))
			}
		})
	}
	group.Wait()
	return time.Since(began), err
}

func insist(ctx context.Context, conn *Conn, request []byte) (Answer, error) {
	for {
		answer, err := conn.Do(request)
		if err != nil || answer.Status == 201 {
			return answer, err
		}
		if answer.Status != 409 || answer.RetryAfter <= 0 {
			return answer, fmt.Errorf("a copy was answered %d: %s", answer.Status, answer.Body)
		}
		waitUntil(ctx, time.Now().Add(answer.RetryAfter))
		if err := ctx.Err(); err != nil {
			return answer, err
		}
	}
}
