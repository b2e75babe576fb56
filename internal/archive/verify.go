package archive

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// Report is what [Verify] found.
type Report struct {
	Archive    string    `json:"archive"`
	Files      int       `json:"files"` // sealed
	Records    int64     `json:"records"`
	Bytes      int64     `json:"bytes"`   // compressed
	Growing    int       `json:"growing"` // files that aren't sealed, and are not in the figures above
	Duplicates int64     `json:"duplicates"`
	Problems   []Problem `json:"problems"`
}

// Problem is what is wrong with a file.
type Problem struct {
	File string `json:"file"`
	What string `json:"what"`
}

func (r *Report) problem(file, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{file, fmt.Sprintf(format, args...)})
}

// Verify reads the whole archive: each sealed file against its manifest, each line as a record, and each record against all others.
// With files, the manifests against the database as well. What it finds is in the report and no error.
func Verify(ctx context.Context, dir string, files *repository.Archives) (*Report, error) {
	f, err := readFolder(dir)
	if err != nil {
		return nil, err
	}
	v := &verification{folder: f, report: &Report{Archive: f.id.String(), Problems: []Problem{}}, manifests: map[string]*manifest{}}
	for _, kind := range []models.ArchiveKind{models.ArchiveTombstones, models.ArchiveEvents} {
		if err := v.kind(ctx, kind); err != nil {
			return nil, err
		}
	}
	if err := v.lost(); err != nil {
		return nil, err
	}
	if files != nil {
		if err := v.database(ctx, files); err != nil {
			return nil, err
		}
	}
	return v.report, nil
}

type verification struct {
	*folder
	report    *Report
	manifests map[string]*manifest // of the sealed files, by name
	growing   []string
}

// kind verifies the files of one kind.
func (v *verification) kind(ctx context.Context, kind models.ArchiveKind) error {
	parts, err := v.parts(kind)
	if err != nil {
		return err
	}
	growing, err := v.names(partialSuffix)
	if err != nil {
		return err
	}
	var sealed []part
	once := newRepeats(passRecords)
	for _, p := range parts {
		_, err := os.Stat(v.join(p.name + manifestSuffix))
		if !p.sealed || errors.Is(err, fs.ErrNotExist) && slices.Contains(growing, p.name) { // it is being sealed, or will be
			v.growing = append(v.growing, p.name)
			v.report.Growing++
			continue
		}
		n, err := v.sealed(ctx, p, once)
		if err != nil {
			return err
		}
		sealed = append(sealed, p)
		v.report.Records += n
	}
	v.report.Duplicates += once.end()
	// The first pass has looked for repeats among a share of the records, which is all of them in a small archive.
	for once.next() {
		for _, p := range sealed {
			if _, _, err := v.readPart(p, func(line []byte) error { once.see(identityOf(line)); return ctx.Err() }); err != nil {
				return err
			}
		}
		v.report.Duplicates += once.end()
	}
	return nil
}

// sealed verifies one file and returns how many records it has.
func (v *verification) sealed(ctx context.Context, p part, once *repeats) (int64, error) {
	var wrong error
	c, _, err := v.readPart(p, func(line []byte) error {
		if id := identityOf(line); id != (recordID{}) {
			once.see(id)
		} else if wrong == nil {
			wrong = fmt.Errorf("%.80q is no record", line)
		}
		return ctx.Err()
	})
	if err != nil {
		return 0, err
	}
	v.report.Files++
	v.report.Bytes += c.bytes
	m, err := v.manifest(p.name)
	if err != nil {
		v.report.problem(p.name, "has no manifest that can be read: %v", err)
	} else {
		v.manifests[p.name] = m
	}
	switch sum := hex.EncodeToString(c.sum.Sum(nil)); {
	case m != nil && m.Bytes != c.bytes:
		v.report.problem(p.name, "has %d bytes; its manifest says %d", c.bytes, m.Bytes)
	case m != nil && m.SHA256 != sum:
		v.report.problem(p.name, "has the SHA-256 %s; its manifest says %s", sum, m.SHA256)
	case c.cut != nil:
		v.report.problem(p.name, "can't be read to its end: %v", c.cut)
	case m != nil && m.Records != c.records:
		v.report.problem(p.name, "has %d records; its manifest says %d", c.records, m.Records)
	case wrong != nil:
		v.report.problem(p.name, "%v", wrong)
	}
	return c.records, nil
}

func (v *verification) manifest(name string) (*manifest, error) {
	text, err := os.ReadFile(v.join(name + manifestSuffix))
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, err
	}
	if m.Format != format || m.File != name || m.Archive != v.id.String() {
		return nil, fmt.Errorf("it is of file %q, archive %s, format %d", m.File, m.Archive, m.Format)
	}
	return m, nil
}

// lost looks for manifests whose files are gone.
func (v *verification) lost() error {
	names, err := v.names(manifestSuffix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := os.Stat(v.join(name)); errors.Is(err, fs.ErrNotExist) {
			v.report.problem(name, "is gone; its manifest is there")
		}
	}
	return nil
}

// database compares with what the database answers for.
func (v *verification) database(ctx context.Context, files *repository.Archives) error {
	const page = 500
	known := map[string]bool{}
	for after := ""; ; {
		rows, err := files.List(ctx, v.id, after, page)
		if err != nil {
			return err
		}
		for _, row := range rows {
			known[row.Name] = true
			v.compare(&row)
		}
		if len(rows) < page {
			break
		}
		after = rows[len(rows)-1].Name
	}
	for _, name := range slices.Sorted(maps.Keys(v.manifests)) {
		if !known[name] {
			v.report.problem(name, "is unknown to the database: it was restored from an older state, or it is another one")
		}
	}
	return nil
}

func (v *verification) compare(row *models.ArchiveFile) {
	m := v.manifests[row.Name]
	switch {
	case m == nil && slices.Contains(v.growing, row.Name):
		file, err := os.Open(v.join(row.Name + partialSuffix))
		if err != nil { // it was sealed since
			return
		}
		defer func() { _ = file.Close() }()
		if err := copyWhatCounts(io.Discard, file, row); err != nil {
			v.report.problem(row.Name+partialSuffix, "%v", err)
		}
	case m == nil:
		if _, err := os.Stat(v.join(row.Name)); errors.Is(err, fs.ErrNotExist) {
			v.report.problem(row.Name, "is gone; the database says that it has %d records", row.Records)
		}
	case m.Records != row.Records || m.Bytes != row.Bytes || m.SHA256 != hex.EncodeToString(row.SHA256):
		v.report.problem(row.Name, "has %d records in %d bytes by its manifest; the database says %d in %d, or another checksum",
			m.Records, m.Bytes, row.Records, row.Bytes)
	}
}

// recordID tells records apart: 128 bits of a hash.
type recordID struct{ high, low uint64 }

// identityOf is the zero recordID for what is no record.
func identityOf(line []byte) recordID {
	var r struct {
		MerchantID string `json:"merchant_id"`
		KeySHA256  string `json:"key_sha256"`
		ClaimID    string `json:"claim_id"`
		ID         string `json:"id"`
	}
	if json.Unmarshal(line, &r) != nil || r.MerchantID == "" || r.ID == "" && (r.KeySHA256 == "" || r.ClaimID == "") {
		return recordID{}
	}
	sum := sha256.Sum256([]byte(r.MerchantID + "\n" + r.KeySHA256 + "\n" + r.ClaimID + "\n" + r.ID))
	return recordID{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])}
}
