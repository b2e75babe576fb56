package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/payonce/payonce/internal/logging"
)

// oldestMajor is the first PostgreSQL that has all that the schema uses.
const oldestMajor = 14

// inspectLimit bounds the question for a version, on a busy machine, too.
const inspectLimit = 15 * time.Second

// ErrNoPostgres says that no usable PostgreSQL was found.
var ErrNoPostgres = errors.New("no PostgreSQL found")

// binaries are the programs of a PostgreSQL server.
type binaries struct {
	dir        string
	downloaded bool // by us; else it is installed
	major      int
	version    string // "15.19"
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// command prepares one of the programs.
func (b binaries) command(name string, args ...string) *exec.Cmd {
	cmd := command(b.path(name), args...)
	cmd.Env = b.environment()
	return cmd
}

// environment is the whole environment of the programs.
func (b binaries) environment() []string {
	env := childEnvironment()
	if others := os.Getenv("LD_LIBRARY_PATH"); b.downloaded && others != "" {
		// It brings its libraries, and those of another PostgreSQL would come before them.
		own := filepath.Join(filepath.Dir(b.dir), "lib")
		env = append(env, "LD_LIBRARY_PATH="+own+string(filepath.ListSeparator)+others)
	}
	return env
}

// findBinaries returns the server to use for a data folder that holds clusters
// of the majors in existing: an installed one, else a downloaded one.
func findBinaries(ctx context.Context, cfg PostgresConfig, existing []int, d *downloads) (binaries, error) {
	installed, err := findInstalled(ctx, cfg, d.log)
	if err != nil {
		return binaries{}, err
	}
	if b, ok := choose(installed, existing); ok {
		return b, nil
	}
	if cfg.BinDir != "" {
		return binaries{}, notFound(installed, existing, errors.New("PG_BIN_DIR forbids looking elsewhere"))
	}
	b, err := d.find(ctx, existing)
	if err != nil && ctx.Err() != nil {
		return binaries{}, fmt.Errorf("find a PostgreSQL: %w", err) // we were told to end; there is nothing to advise
	}
	if err != nil {
		return binaries{}, notFound(installed, existing, err)
	}
	return b, nil
}

// findInstalled lists the installed servers that will do; an error is one about
// PG_BIN_DIR.
func findInstalled(ctx context.Context, cfg PostgresConfig, log *slog.Logger) (installed []binaries, err error) {
	if cfg.IgnoreInstalled {
		return nil, nil
	}
	done := logging.Waiting(ctx, log, "the installed PostgreSQL to tell its version")
	defer done()
	for _, dir := range binaryFolders(ctx, cfg.BinDir) {
		b, err := inspect(ctx, binaries{dir: dir})
		if err == nil {
			installed = append(installed, b)
		} else if cfg.BinDir != "" {
			return nil, fmt.Errorf("PG_BIN_DIR=%s: %w: it must hold initdb and postgres, version %d or newer", cfg.BinDir, err, oldestMajor)
		}
	}
	return installed, nil
}

// choose picks among the installed servers: one that wrote data that is here,
// else the newest.
func choose(installed []binaries, existing []int) (b binaries, ok bool) {
	newestFirst := func(a, b binaries) int { return b.major - a.major }
	slices.SortStableFunc(installed, newestFirst)
	for _, b := range installed {
		if len(existing) == 0 || slices.Contains(existing, b.major) {
			return b, true
		}
	}
	return binaries{}, false
}

// notFound is the error when no source has a server that will do: one sentence that names ways out.
func notFound(installed []binaries, existing []int, noDownload error) error {
	if len(existing) == 0 {
		return fmt.Errorf("%w (%d or newer), and %w: set DATABASE_URL to a server that runs, "+
			"install PostgreSQL (%s), or set PG_BIN_DIR to the folder that holds initdb and postgres",
			ErrNoPostgres, oldestMajor, noDownload, installHint())
	}
	wrote, only := slices.Max(existing), "none"
	if len(installed) > 0 {
		only = "only " + installed[0].version
	}
	return fmt.Errorf("%w for the data that is here: PostgreSQL %d wrote it, %s is installed, and %w: "+
		"install PostgreSQL %d, set DATA_DIR to another folder, or upgrade the cluster with pg_upgrade",
		ErrNoPostgres, wrote, only, noDownload, wrote)
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
		if abs, err := filepath.Abs(binDir); err == nil { // servers are started from another folder
			binDir = abs
		}
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
	config := exec.CommandContext(ctx, "pg_config", "--bindir")
	config.Env = childEnvironment()
	if out, err := config.Output(); err == nil {
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

// shellSpecials are what a shell reads inside double quotes, in which initdb
// puts the path of the programs that it runs.
const shellSpecials = "\"$`\\\n"

var errShellSpecial = errors.New(`because a shell reads its path, and there must be no ", $, ` + "`" + `, \ or line break in it`)

// inspect asks a server for its version.
func inspect(ctx context.Context, b binaries) (binaries, error) {
	if strings.ContainsAny(b.dir, shellSpecials) {
		return b, fmt.Errorf("initdb can't be run from %q, %w", b.dir, errShellSpecial)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if !isFile(b.path(name)) {
			return b, fmt.Errorf("%s is missing", b.path(name))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.path("postgres"), "--version")
	cmd.Env = b.environment()
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr)) // a missing library, say
	}
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
