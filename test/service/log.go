package service

import (
	"bytes"
	"os"
	"regexp"
	"sync"
)

// lines is what a process wrote to stderr, and the addresses that stand in it.
type lines struct {
	mu          sync.Mutex
	text        bytes.Buffer
	addresses   chan [2]string // the public and the admin address, once both are known
	said        bool
	reading     sync.Mutex // held while the pipe is not read: then it fills, and the process can't write
	public, adm *regexp.Regexp
	file        *os.File // gets everything; then text ends with the addresses
}

// newLines appends to a file as well, when one is named.
func newLines(path string) (l *lines, err error) {
	l = &lines{
		addresses: make(chan [2]string, 1),
		public:    regexp.MustCompile(`(?m)^listening on (http://\S+)$`),
		adm:       regexp.MustCompile(`(?m)^admin listening on (http://\S+)$`),
	}
	if path != "" {
		l.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	}
	return l, err
}

func (l *lines) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func (l *lines) Write(p []byte) (int, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		if n, err := l.file.Write(p); err != nil {
			return n, err
		}
	}
	if l.file == nil || !l.said {
		l.text.Write(p)
	}
	if l.said {
		return len(p), nil
	}
	public, adm := l.public.FindSubmatch(l.text.Bytes()), l.adm.FindSubmatch(l.text.Bytes())
	if public != nil && adm != nil {
		l.said = true
		l.addresses <- [2]string{string(public[1]), string(adm[1])}
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
