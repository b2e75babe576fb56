package archive

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/payonce/payonce/models"
)

const (
	readBuffer = 64 << 10
	// maxLine bounds a line. Tombstones have a kilobyte at most, events what a request may have.
	maxLine = 8 << 20
)

// content is what a file holds, read once, from its beginning.
type content struct {
	records int64
	bytes   int64 // compressed; those behind a cut are counted, too
	sum     hash.Hash
	cut     error // why the rest can't be read; nil: it ends where a member ends
}

// counted counts and sums what is read from a file.
type counted struct {
	from io.Reader
	*content
}

func (c counted) Read(into []byte) (int, error) {
	n, err := c.from.Read(into)
	c.bytes += int64(n)
	_, _ = c.sum.Write(into[:n]) // a hash doesn't fail
	return n, err
}

// read calls visit for each line. A file that is cut or damaged is no error but content.cut; what visit returns ends it.
func read(path string, visit func(line []byte) error) (*content, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	c := &content{sum: sha256.New()}
	from := bufio.NewReaderSize(counted{file, c}, readBuffer)
	zip, err := gzip.NewReader(from)
	if err == nil {
		err = c.lines(zip, visit)
	}
	if visited, ok := errors.AsType[visitError](err); ok {
		return c, visited.error
	}
	if err != nil && !errors.Is(err, io.EOF) { // an empty file ends before its first member
		c.cut = err
	}
	if _, err := io.Copy(io.Discard, from); err != nil { // for the sum of all of it
		return c, err
	}
	return c, nil
}

// visitError is what the visitor returned, and not the file.
type visitError struct{ error }

func (c *content) lines(zip io.Reader, visit func([]byte) error) error {
	scanner := bufio.NewScanner(zip)
	scanner.Buffer(make([]byte, readBuffer), maxLine)
	scanner.Split(wholeLines)
	for scanner.Scan() {
		c.records++
		if err := visit(scanner.Bytes()); err != nil {
			return visitError{err}
		}
	}
	return scanner.Err()
}

// wholeLines is [bufio.ScanLines] without what ends in no newline.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	advance, token, err = bufio.ScanLines(data, atEOF)
	if atEOF && advance == len(data) && advance > 0 && data[advance-1] != '\n' {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return advance, token, err
}

// part is a file to be read, under either of its names.
type part struct {
	name   string
	sealed bool
}

func (p part) file() string {
	if p.sealed {
		return p.name
	}
	return p.name + partialSuffix
}

// parts lists an archive's files of a kind, each once: one that is being sealed has both names.
func (f *folder) parts(kind models.ArchiveKind) ([]part, error) {
	growing, err := f.names(partialSuffix) // first: what is sealed meanwhile is listed below
	if err != nil {
		return nil, err
	}
	sealed, err := f.names(extension)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	var all []part
	for _, name := range sealed {
		if name += extension; strings.HasPrefix(name, string(kind)+"-") {
			known[name] = true
			all = append(all, part{name, true})
		}
	}
	for _, name := range growing {
		if !known[name] && strings.HasPrefix(name, string(kind)+"-") {
			all = append(all, part{name, false})
		}
	}
	return all, nil
}

// readPart reads a file that may be sealed between its listing and now.
func (f *folder) readPart(p part, visit func(line []byte) error) (*content, part, error) {
	c, err := read(f.join(p.file()), visit)
	if !p.sealed && errors.Is(err, fs.ErrNotExist) {
		p.sealed = true
		c, err = read(f.join(p.file()), visit)
	}
	if err != nil {
		return c, p, fmt.Errorf("read %s: %w", p.file(), err)
	}
	return c, p, nil
}
