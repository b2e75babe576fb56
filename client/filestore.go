package payonce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// FileStore keeps one small file per operation in a folder, for one program or for several on one machine. What it returns
// has reached the disk.
type FileStore struct{ folder string }

var _ Store = (*FileStore)(nil)

// NewFileStore keeps keys in a folder, which it makes when it is not there.
func NewFileStore(folder string) (*FileStore, error) {
	if folder == "" {
		return nil, errors.New("payonce: the folder of the keys has no name; is a setting missing?")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("payonce: the folder of the keys: %w", err)
	}
	return &FileStore{folder}, nil
}

// Claim implements [Store]. The file gets its name only when it is whole, by a link, which fails when the name is taken.
func (s *FileStore) Claim(ctx context.Context, operation string, fresh Entry) (Entry, error) {
	if kept, ok, err := s.Find(ctx, operation); ok || err != nil {
		return kept, err
	}
	text, err := json.Marshal(fresh)
	if err != nil {
		return Entry{}, err
	}
	file, err := os.CreateTemp(s.folder, "new-")
	if err != nil {
		return Entry{}, err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return Entry{}, err
	}
	err = os.Link(file.Name(), s.path(operation))
	if errors.Is(err, fs.ErrExist) { // another program was first
		kept, ok, err := s.Find(ctx, operation)
		if err == nil && !ok {
			err = errors.New("it was released meanwhile")
		}
		return kept, err
	}
	if err != nil {
		return Entry{}, err
	}
	return fresh, s.sync()
}

// Find implements [Store].
func (s *FileStore) Find(_ context.Context, operation string) (entry Entry, ok bool, err error) {
	text, err := os.ReadFile(s.path(operation))
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &entry)
	}
	return entry, err == nil, err
}

// Release implements [Store].
func (s *FileStore) Release(ctx context.Context, operation, key string) error {
	kept, ok, err := s.Find(ctx, operation)
	if err != nil || !ok || kept.Key != key {
		return err
	}
	if err := os.Remove(s.path(operation)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.sync()
}

// path is by a digest: operations may have any characters.
func (s *FileStore) path(operation string) string {
	sum := sha256.Sum256([]byte(operation))
	return filepath.Join(s.folder, hex.EncodeToString(sum[:])+".json")
}

// sync makes the folder's names durable. Windows can't, and needs no such call.
func (s *FileStore) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(s.folder)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
