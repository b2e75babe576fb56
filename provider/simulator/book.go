package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// ErrInUse is what Open wraps when another process, or another Simulator, has the book.
var ErrInUse = errors.New("is in use by another process")

var errBookClosed = errors.New("the book is closed")

// entry is one line of the book: everything that one request changed.
type entry struct {
	Intent *record       `json:"intent,omitempty"`
	Refund *refundRecord `json:"refund,omitempty"`
	Key    *keyRecord    `json:"key,omitempty"`
	// Seen names a key that was used once more.
	Seen string `json:"seen,omitempty"`
}

// book appends lines to the file. One goroutine writes whatever has gathered since its last fsync, so requests that come
// together share one fsync.
type book struct {
	file *os.File // nil: memory only

	mu      sync.Mutex
	pending []byte
	batch   *batch // the batch that gathers pending
	writing *batch // the batch on its way to the disk, nil when there is none
	err     error  // once the disk has failed or the book is closed, nothing can be promised any more
	closing bool

	wake chan struct{} // of capacity 1: one signal stands for any number of lines
	done chan struct{} // closed when the writer has ended
}

// batch is a set of lines that reach the disk together.
type batch struct {
	done chan struct{}
	err  error // to be read after done is closed
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// wait returns when the lines are on the disk, or says why they are not. A nil batch has nothing to wait for.
func (b *batch) wait() error {
	if b == nil {
		return nil
	}
	<-b.done
	return b.err
}

// openBook replays the lines in dir through apply and starts the writer.
func openBook(dir string, apply func(entry)) (*book, error) {
	b := &book{wake: make(chan struct{}, 1), done: make(chan struct{}), batch: newBatch()}
	if dir == "" {
		close(b.done)
		return b, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "book.jsonl"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if err := prepare(file, dir, apply); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	b.file = file
	go b.write()
	return b, nil
}

// prepare takes the lock, replays, cuts off a torn last line and makes the file's name itself durable.
func prepare(file *os.File, dir string, apply func(entry)) error {
	if err := lock(file); err != nil {
		return err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	good, err := replay(content, apply)
	if err != nil {
		return err
	}
	if good < len(content) {
		if err := file.Truncate(int64(good)); err != nil {
			return err
		}
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), folder.Sync(), folder.Close())
}

// replay applies the lines and returns how many bytes of content are good. Only the last line may be broken: it is one
// whose fsync never returned, so its answer never left.
func replay(content []byte, apply func(entry)) (good int, err error) {
	for number := 1; good < len(content); number++ {
		line, rest, whole := bytes.Cut(content[good:], []byte("\n"))
		var e entry
		if err := json.Unmarshal(line, &e); !whole || err != nil {
			if len(rest) == 0 {
				return good, nil
			}
			return 0, fmt.Errorf("line %d is damaged: %w", number, err)
		}
		apply(e)
		good += len(line) + 1
	}
	return good, nil
}

// append queues e. The caller holds the simulator's lock, so lines have the order of the changes, and waits for the batch
// after letting go of it.
func (b *book) append(e entry) *batch {
	if b.file == nil {
		return nil
	}
	line, err := json.Marshal(e)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	switch {
	case b.err != nil:
		return failedBatch(b.err)
	case b.closing:
		return failedBatch(errBookClosed) // what is queued already is still written
	}
	b.pending = append(append(b.pending, line...), '\n')
	b.signal()
	return b.batch
}

// unwritten returns the batch that must be on the disk before what the maps show now may be shown.
func (b *book) unwritten() *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return failedBatch(b.err)
	case len(b.pending) > 0:
		return b.batch
	default:
		return b.writing
	}
}

// write is the writer's loop. After a failure it writes nothing more: a line behind a half-written one would make the
// whole book unreadable.
func (b *book) write() {
	defer close(b.done)
	for range b.wake {
		b.mu.Lock()
		lines, current, err, last := b.pending, b.batch, b.err, b.closing
		b.pending, b.batch, b.writing = nil, newBatch(), current
		b.mu.Unlock()
		if err == nil && len(lines) > 0 {
			err = b.store(lines)
		}
		b.mu.Lock()
		b.writing, b.err = nil, err
		if last && b.err == nil {
			b.err = errBookClosed
		}
		b.mu.Unlock()
		current.err = err
		close(current.done)
		if last {
			return
		}
	}
}

func (b *book) store(lines []byte) error {
	if _, err := b.file.Write(lines); err != nil {
		return fmt.Errorf("write the book: %w", err)
	}
	if err := b.file.Sync(); err != nil {
		return fmt.Errorf("sync the book: %w", err)
	}
	return nil
}

// close writes what is queued and lets go of the file and its lock.
func (b *book) close() error {
	if b.file == nil {
		return nil
	}
	b.mu.Lock()
	b.closing = true
	b.signal()
	b.mu.Unlock()
	<-b.done
	return b.file.Close()
}

func (b *book) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func failedBatch(err error) *batch {
	lost := newBatch()
	lost.err = err
	close(lost.done)
	return lost
}
