package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
)

// manifest says what a sealed file holds. It stands beside it, so that files can be taken elsewhere with what proves them whole.
type manifest struct {
	Format   int                `json:"format"`
	Archive  string             `json:"archive"`
	File     string             `json:"file"`
	Kind     models.ArchiveKind `json:"kind"`
	Records  int64              `json:"records"`
	Bytes    int64              `json:"bytes"`
	SHA256   string             `json:"sha256"` // of the compressed file, as sha256sum prints it
	Oldest   string             `json:"oldest"` // the times of its records
	Newest   string             `json:"newest"`
	OpenedAt string             `json:"opened_at"`
	ClosedAt string             `json:"closed_at"`
}

// deadAfter is how long a file without a lock must not have changed before its writer counts as dead, where there are no locks.
const deadAfter = 15 * time.Minute

// recover seals the files whose writers are dead.
func (a *Archiver) recover(ctx context.Context) error {
	names, err := a.folder.names(partialSuffix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if a.file != nil && a.file.row.Name == name {
			continue
		}
		err := a.recoverOne(ctx, name)
		if errors.Is(err, errForeign) || errors.Is(err, errDamaged) {
			if !a.told[name] {
				a.told[name] = true
				a.Log.ErrorContext(ctx, "a file of the archive can't be sealed", "file", name+partialSuffix, "error", err)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("seal %s: %w", name, err)
		}
	}
	return nil
}

func (a *Archiver) recoverOne(ctx context.Context, name string) error {
	path := a.folder.join(name + partialSuffix)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return ignore(err, fs.ErrNotExist) // another process has sealed it
	}
	defer func() { _ = file.Close() }() // with the lock
	locked, known := tryLock(file)
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !locked && (known || time.Since(info.ModTime()) < deadAfter) {
		return nil
	}
	return a.finish(ctx, name)
}

// seal seals our own file. Its lock is held until that is done.
func (a *Archiver) seal(ctx context.Context) error {
	defer func() {
		_ = a.file.file.Close() // what counts is synced
		a.file = nil
	}()
	if err := a.finish(ctx, a.file.row.Name); err != nil {
		return fmt.Errorf("seal %s: %w", a.file.row.Name, err)
	}
	return nil
}

// finish closes a file in the database and puts what counts of it in its place. It may be done again, or twice at once.
func (a *Archiver) finish(ctx context.Context, name string) error {
	row, err := a.Files.Close(ctx, a.folder.id, name)
	if errors.Is(err, postgres.ErrNotFound) {
		return errForeign
	}
	if err != nil {
		return err
	}
	a.Reached(StepClosed)
	if row.Records == 0 {
		if err := errors.Join(a.removePartial(name), syncFolder(a.folder.path)); err != nil {
			return err
		}
		return a.Files.Drop(ctx, a.folder.id, name)
	}
	if err := a.removeTemporary(name); err != nil {
		return err
	}
	if err := a.copyOut(row); err != nil {
		if _, sealed := os.Stat(a.folder.join(name)); errors.Is(err, fs.ErrNotExist) && sealed == nil {
			return nil // by another process
		}
		return err
	}
	a.Reached(StepCopied)
	if err := a.folder.replace(name+manifestSuffix, describe(row)); err != nil {
		return err
	}
	if err := syncFolder(a.folder.path); err != nil {
		return err
	}
	a.Reached(StepNamed)
	if err := errors.Join(a.removePartial(name), syncFolder(a.folder.path)); err != nil {
		return err
	}
	a.Reached(StepSealed)
	return nil
}

// copyOut copies what counts. A rename would do, were it certain that the writer is dead: one that isn't could still write.
func (a *Archiver) copyOut(row *models.ArchiveFile) error {
	from, err := os.Open(a.folder.join(row.Name + partialSuffix))
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	return a.folder.replace(row.Name, func(to io.Writer) error {
		return copyWhatCounts(to, from, row)
	})
}

// copyWhatCounts copies as much as the row says; errDamaged when that isn't what was written.
func copyWhatCounts(to io.Writer, from io.Reader, row *models.ArchiveFile) error {
	sum := sha256.New()
	_, err := io.CopyN(io.MultiWriter(to, sum), from, row.Bytes)
	if errors.Is(err, io.EOF) || err == nil && !bytes.Equal(sum.Sum(nil), row.SHA256) {
		return errDamaged
	}
	return err
}

func describe(row *models.ArchiveFile) func(io.Writer) error {
	return func(to io.Writer) error {
		text, err := json.MarshalIndent(manifest{
			Format: format, Archive: row.Archive.String(), File: row.Name, Kind: row.Kind, Records: row.Records, Bytes: row.Bytes,
			SHA256: hex.EncodeToString(row.SHA256), Oldest: optional(row.Oldest), Newest: optional(row.Newest),
			OpenedAt: wire.Time(row.OpenedAt), ClosedAt: optional(row.ClosedAt),
		}, "", "  ")
		if err != nil {
			return err
		}
		_, err = to.Write(append(text, '\n'))
		return err
	}
}

func (a *Archiver) removePartial(name string) error {
	return ignore(os.Remove(a.folder.join(name+partialSuffix)), fs.ErrNotExist)
}

// removeTemporary removes what earlier tries to seal the file have left.
func (a *Archiver) removeTemporary(name string) error {
	left, err := filepath.Glob(a.folder.join(name) + "*" + temporary + "*")
	for _, path := range left {
		err = errors.Join(err, ignore(os.Remove(path), fs.ErrNotExist))
	}
	return err
}
