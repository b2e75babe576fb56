package migrations

import (
	"embed"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/payonce/payonce/idempotency/postgres/schema"
)

//go:embed *.sql
var files embed.FS

// include begins the line of a file where a step of the engine's table is made: the number of the step follows, and none is the first.
// Services that use the engine alone make the same table, so its definition stands in package schema only.
const include = "-- +include engine"

// withEngine are the files with the engine's table put in.
type withEngine struct{ embed.FS }

// Open implements [fs.FS].
func (w withEngine) Open(name string) (fs.File, error) {
	file, err := w.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return file, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return &assembled{strings.NewReader(included(string(text))), info}, nil
}

// included is the text of a file with the engine's step in the place of its line.
func included(text string) string {
	for i, step := range schema.Steps() {
		line := include + "\n"
		if i > 0 {
			line = include + " " + strconv.Itoa(i+1) + "\n"
		}
		text = strings.Replace(text, line, "-- +goose StatementBegin\n"+step+"-- +goose StatementEnd\n", 1)
	}
	return text
}

// assembled is a file in memory. Its length is that of its text, not what Stat says of the file that it was made from.
type assembled struct {
	*strings.Reader
	info fs.FileInfo
}

func (a *assembled) Stat() (fs.FileInfo, error) { return a.info, nil }
func (a *assembled) Close() error               { return nil }
