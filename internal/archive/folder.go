package archive

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	identityFile   = "archive.json"
	extension      = ".jsonl.gz"
	partialSuffix  = ".partial"
	manifestSuffix = ".manifest.json"
	temporary      = ".tmp-" // of a file that is not whole yet, with something random behind it

	format = 1 // of the files, in archive.json and each manifest
)

// identity is what makes a folder an archive: the database knows its files under this id, wherever it is mounted.
type identity struct {
	Format    int       `json:"format"`
	Archive   uuid.UUID `json:"archive"`
	CreatedAt time.Time `json:"created_at"`
}

// folder is an archive's.
type folder struct {
	path string
	id   uuid.UUID
}

// openFolder opens an archive, or makes one of a folder that is none. The folder itself must exist.
func openFolder(path string) (*folder, error) {
	f, err := readFolder(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder: make it, or mount it", path)
	}
	text, err := json.Marshal(identity{Format: format, Archive: uuid.New(), CreatedAt: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return nil, err
	}
	name := filepath.Join(path, identityFile)
	made, err := writeTemporary(name, func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err })
	if err != nil {
		return nil, err
	}
	err = os.Link(made, name) // of several that begin at once, one wins
	if err = errors.Join(ignore(err, fs.ErrExist), os.Remove(made), syncFolder(path)); err != nil {
		return nil, fmt.Errorf("make the archive: %w", err)
	}
	return readFolder(path)
}

// readFolder opens an archive that exists.
func readFolder(path string) (*folder, error) {
	text, err := os.ReadFile(filepath.Join(path, identityFile))
	if err != nil {
		return nil, fmt.Errorf("%s is no archive: %w", path, err)
	}
	var id identity
	if err := json.Unmarshal(text, &id); err != nil || id.Archive == uuid.Nil {
		return nil, fmt.Errorf("%s in %s can't be read", identityFile, path)
	}
	if id.Format != format {
		return nil, fmt.Errorf("%s has format %d, and this release reads format %d", path, id.Format, format)
	}
	return &folder{path, id.Archive}, nil
}

func (f *folder) join(name string) string { return filepath.Join(f.path, name) }

// names lists the files that end so, without the ending, in order: their names begin with kind and time.
func (f *folder) names(suffix string) ([]string, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, fmt.Errorf("list the archive: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), suffix); ok && entry.Type().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}

// replace puts a whole file in its place, or nothing. It is durable once the folder was synced.
func (f *folder) replace(name string, write func(io.Writer) error) error {
	made, err := writeTemporary(f.join(name), write)
	if err != nil {
		return err
	}
	return os.Rename(made, f.join(name))
}

// writeTemporary writes a file under a name of its own and syncs it.
func writeTemporary(path string, write func(io.Writer) error) (made string, err error) {
	made = path + temporary + rand.Text()
	file, err := os.OpenFile(made, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	if err = write(file); err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(made)
		return "", err
	}
	return made, nil
}

// syncFolder makes names durable. Windows knows no such thing.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
