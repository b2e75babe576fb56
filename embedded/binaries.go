package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldestMajor is the first PostgreSQL that has all that the schema uses.
const oldestMajor = 14

// ErrNoPostgres says that no usable PostgreSQL was found.
var ErrNoPostgres = errors.New("no PostgreSQL found")

// binaries is an installed PostgreSQL server.
type binaries struct {
	dir     string
	major   int
	version string // "15.19"
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// findBinaries returns the server to use for a data folder that holds clusters
// of the majors in existing: one of those, else the newest.
func findBinaries(ctx context.Context, binDir string, existing []int) (binaries, error) {
	var all []binaries
	for _, dir := range binaryFolders(ctx, binDir) {
		if b, err := inspect(ctx, dir); err == nil {
			all = append(all, b)
		} else if binDir != "" {
			return binaries{}, fmt.Errorf("PG_BIN_DIR=%s: %w: it must hold initdb and postgres, version %d or newer",
				binDir, err, oldestMajor)
		}
	}
	return choose(all, existing)
}

// choose picks among the installed servers.
func choose(all []binaries, existing []int) (binaries, error) {
	if len(all) == 0 {
		return binaries{}, fmt.Errorf("%w (%d or newer): set DATABASE_URL to a server that runs, "+
			"install PostgreSQL (%s), or set PG_BIN_DIR to the folder that holds initdb and postgres",
			ErrNoPostgres, oldestMajor, installHint())
	}
	newestFirst := func(a, b binaries) int { return b.major - a.major }
	slices.SortStableFunc(all, newestFirst)
	if len(existing) == 0 {
		return all[0], nil
	}
	for _, b := range all {
		if slices.Contains(existing, b.major) {
			return b, nil
		}
	}
	return binaries{}, fmt.Errorf("%w for the data that is here: PostgreSQL %d wrote it and only %s is installed: "+
		"install PostgreSQL %d, set DATA_DIR to another folder, or upgrade the cluster with pg_upgrade",
		ErrNoPostgres, slices.Max(existing), all[0].version, slices.Max(existing))
}

func installHint() string {
	if runtime.GOOS == "darwin" {
		return "brew install postgresql@17"
	}
	return "for example: apt-get install postgresql"
}

// binaryFolders lists where to look, without doubles, best known first.
func binaryFolders(ctx context.Context, binDir string) []string {
	if binDir != "" {
		return []string{binDir}
	}
	var dirs []string
	add := func(dir string) {
		if resolved, err := filepath.EvalSymlinks(dir); err == nil && !slices.Contains(dirs, resolved) {
			dirs = append(dirs, resolved)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		add(strings.TrimSpace(string(out)))
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) && isFile(filepath.Join(dir, "postgres")) {
			add(dir)
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/lib/postgresql*/bin", "/usr/libexec/postgresql*", "/usr/pgsql-*/bin",
		"/usr/local/pgsql/bin", "/usr/local/pgsql-*/bin", "/opt/postgresql*/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin", "/Library/PostgreSQL/*/bin",
		"/run/current-system/sw/bin",
	} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, dir := range matches {
			add(dir)
		}
	}
	return dirs
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// inspect asks the server in dir for its version.
func inspect(ctx context.Context, dir string) (binaries, error) {
	b := binaries{dir: dir}
	for _, name := range []string{"initdb", "postgres"} {
		if !isFile(b.path(name)) {
			return b, fmt.Errorf("%s is missing", b.path(name))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.path("postgres"), "--version")
	cmd.Env = childEnvironment()
	out, err := cmd.Output()
	if err != nil {
		return b, fmt.Errorf("%s --version: %w", cmd.Path, err)
	}
	// "postgres (PostgreSQL) 15.19 (Debian 15.19-0+deb12u1)", "... 18beta1"
	m := regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`).FindSubmatch(out)
	if m == nil {
		return b, fmt.Errorf("%s --version said %q, which names no version", cmd.Path, out)
	}
	b.version = string(m[1])
	b.major, err = strconv.Atoi(string(m[2]))
	if err != nil || b.major < oldestMajor {
		return b, fmt.Errorf("%s is version %s", cmd.Path, b.version)
	}
	return b, nil
}

// childEnvironment is the whole environment of a server. Ours is not passed
// on: PGPORT, PGDATA and the like would change what the server does, and our
// settings hold secrets.
func childEnvironment() []string {
	env := []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	for _, name := range []string{"LD_LIBRARY_PATH", "SYSTEMROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
