package archive

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"time"

	"github.com/payonce/payonce/models"
)

// partial is a file that this process writes. Nothing else does: its name is random, and it holds its lock.
type partial struct {
	row    models.ArchiveFile // what is committed of it
	opened time.Time          // monotonic
	file   *os.File
	sum    hash.Hash
	member bytes.Buffer // of gzip, that is not written yet
	zip    *gzip.Writer
}

// newRow names a file that is to be made: by kind and time, so that they sort, and something random, so that no two are one.
func newRow(f *folder, kind models.ArchiveKind) models.ArchiveFile {
	name := fmt.Sprintf("%s-%s-%s%s", kind, time.Now().UTC().Format("20060102T150405Z"), rand.Text()[:12], extension)
	empty := sha256.Sum256(nil)
	return models.ArchiveFile{Archive: f.id, Name: name, Kind: kind, SHA256: empty[:]}
}

func createPartial(f *folder, row models.ArchiveFile) (*partial, error) {
	file, err := os.OpenFile(f.join(row.Name+partialSuffix), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &partial{row: row, opened: time.Now(), file: file, sum: sha256.New()}
	p.zip = gzip.NewWriter(&p.member)
	tryLock(file) // where there are no locks its age protects it
	if err := syncFolder(f.path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

// entry is a line that is to be written, and the time of its record.
type entry struct {
	line any
	at   time.Time
}

// add appends a batch as one gzip member, syncs it, and returns what the row is to become. After an error the file is of no use to
// this process any more: what lies behind the row's length is dropped when it is sealed.
func (p *partial) add(batch []entry, reached func(Step)) (models.ArchiveFile, error) {
	next := p.row
	next.Records += int64(len(batch))
	next.Oldest, next.Newest = &batch[0].at, &batch[0].at
	p.member.Reset()
	p.zip.Reset(&p.member)
	encode := json.NewEncoder(p.zip)
	encode.SetEscapeHTML(false)
	for i := range batch {
		if err := encode.Encode(batch[i].line); err != nil {
			return next, err
		}
		if at := &batch[i].at; at.Before(*next.Oldest) {
			next.Oldest = at
		} else if at.After(*next.Newest) {
			next.Newest = at
		}
	}
	if err := p.zip.Close(); err != nil {
		return next, err
	}
	if _, err := p.file.Write(p.member.Bytes()); err != nil {
		return next, err
	}
	reached(StepWritten)
	if err := p.file.Sync(); err != nil {
		return next, err
	}
	reached(StepSynced)
	_, _ = p.sum.Write(p.member.Bytes()) // a hash doesn't fail
	next.Bytes += int64(p.member.Len())
	next.SHA256 = p.sum.Sum(nil)
	return next, nil
}
