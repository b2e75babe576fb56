package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxSocketPath is the longest path of a unix socket that every platform
// takes: macOS has room for 104 bytes with the closing zero, Linux for 108.
const maxSocketPath = 103

// isPlain says whether a path stands for itself wherever an address is read:
// in a URL, in the list that unix_socket_directories is, in go-redis' and
// PostgreSQL's own parsers, in a shell. Each of them gives a meaning to some
// other character (space, comma, %, +, #, quotes), so a socket never lies at a
// path that has one.
func isPlain(path string) bool {
	special := func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("/._-", r)
	}
	return filepath.IsAbs(path) && !strings.ContainsFunc(path, special)
}

// suitsSocket says whether a socket of this name can lie in the folder.
func suitsSocket(dir, name string) bool {
	return isPlain(dir) && len(filepath.Join(dir, name)) <= maxSocketPath
}

// clientAddress is the URL of a database behind a socket in socketDir, which is
// plain, as the names of our databases are: nothing has to be escaped.
func clientAddress(socketDir, database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&port=%d&sslmode=disable&user=%s", database, socketDir, portNumber, userRole)
}

// IsClientSetting says whether an environment variable belongs to PostgreSQL's
// clients and servers: PGSERVICE, PGOPTIONS and the like. PG_BIN_DIR is ours.
func IsClientSetting(name string) bool {
	return strings.HasPrefix(name, "PG") && name != "PG_BIN_DIR"
}

// dropClientSettings takes PostgreSQL's variables out of this process's
// environment. They are made for a server that the user chose, and pgx reads
// them for every address, even where the address says otherwise: PGSERVICE or
// a malformed PGCONNECT_TIMEOUT refuses it, PGOPTIONS travels along. So who
// gets the address of an embedded server has dropped them.
func dropClientSettings() {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); IsClientSetting(name) {
			_ = os.Unsetenv(name) // fails only for names that can't be set
		}
	}
}

// temporaryFolders are where a socket may lie when the data folder will not
// do, the user's own choice first.
func temporaryFolders() []string {
	var dirs []string
	for _, dir := range []string{os.TempDir(), os.Getenv("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp", "/dev/shm"} {
		if isPlain(dir) && !slices.Contains(dirs, filepath.Clean(dir)) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

// privateTemp makes a folder for a socket with a short and plain path, and
// nothing else.
func privateTemp(pattern string, as account) (string, error) {
	bases := temporaryFolders()
	var last error
	for _, base := range bases {
		dir, err := os.MkdirTemp(base, pattern)
		if err != nil {
			last = err
			continue
		}
		if err = makePrivate(dir, as); err == nil {
			err = as.checkEnter(base)
		}
		if err == nil && !suitsSocket(dir, ".s.PGSQL.5432") {
			err = fmt.Errorf("%s is too long for a socket", dir)
		}
		if err == nil {
			return dir, nil
		}
		os.Remove(dir)
		last = err
	}
	return "", fmt.Errorf("no folder for a socket%s: none of %s will do (the last one: %w): "+
		"set TMPDIR to a short path, of plain letters and digits, that can be written", as.suffix(), strings.Join(bases, ", "), last)
}
