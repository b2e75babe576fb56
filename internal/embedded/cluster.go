package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/payonce/payonce/internal/logging"
)

// existingClusters lists the majors that have data in dir, and the folders.
func existingClusters(dir string) (majors []int, folders []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil
	}
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), "postgres-")
		major, err := strconv.Atoi(number)
		if !ok || err != nil {
			continue
		}
		folder := filepath.Join(dir, entry.Name())
		if _, err := os.Stat(filepath.Join(folder, "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
			continue // an empty folder demands no version
		}
		majors, folders = append(majors, major), append(folders, folder)
	}
	return majors, folders
}

// makeCluster makes the cluster unless it is there. It is made beside its
// place and moved there when it is complete, so a cluster in its place is a
// whole one, whatever interrupted us before.
func (p *Postgres) makeCluster(ctx context.Context) error {
	_, err := os.Stat(filepath.Join(p.cluster, "PG_VERSION"))
	if err == nil {
		return p.checkOwner()
	}
	if !errors.Is(err, fs.ErrNotExist) { // never made anew over data that we can't see
		return fmt.Errorf("%s holds a database of another user: %w: %s", p.cluster, err, anotherUser)
	}
	half := p.cluster + ".new"
	if err := os.RemoveAll(half); err != nil {
		return fmt.Errorf("clear away an unfinished cluster: %w", err)
	}
	if err := makePrivate(half, p.as); err != nil {
		return err
	}
	if err := p.initdb(ctx, half); err != nil {
		return errors.Join(err, os.RemoveAll(half))
	}
	// An empty folder may stand in its place, made by hand; rename replaces it.
	if err := os.Rename(half, p.cluster); err != nil {
		return fmt.Errorf("move the new cluster to its place: %w", err)
	}
	return syncFolder(p.cfg.Dir)
}

// checkOwner refuses a cluster that is another user's, in words; PostgreSQL
// refuses it, too.
func (p *Postgres) checkOwner() error {
	info, err := os.Stat(p.cluster)
	if err != nil {
		return fmt.Errorf("look at the database in %s: %w", p.cluster, err)
	}
	if uid, ok := ownerOf(info); ok && !p.as.drop && uid != uint32(max(0, os.Geteuid())) {
		return fmt.Errorf("%s holds a database of user %s, and payonce runs as %s: %s", p.cluster, userName(uid), ourselves(), anotherUser)
	}
	return nil
}

func (p *Postgres) initdb(ctx context.Context, dir string) error {
	// Locale C: text sorts by its bytes, alike on every machine, and an upgrade
	// of the C library can't corrupt an index. Trust: who may open the socket
	// is decided by its folder's mode.
	args := []string{"-U", userRole, "--encoding=UTF8", "--locale=C", "--auth=trust"}
	if p.cfg.Settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	waited := logging.Waiting(ctx, p.log, "initdb, which makes the database", "data", p.cluster)
	defer waited()
	output, err := p.runInitdb(ctx, dir, args)
	if err != nil {
		return err
	}
	p.log.Debug("initdb", "output", output)
	// initdb also allows connections from the loopback; safety must not depend on
	// TCP staying switched off.
	const hba = "# Written by payonce: the socket only.\nlocal all all trust\n"
	path := filepath.Join(dir, "pg_hba.conf")
	if err := os.WriteFile(path, []byte(hba), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// runInitdb runs initdb on the empty folder dir, and where our user has no name,
// which initdb asks for, again in a way that gives it one.
func (p *Postgres) runInitdb(ctx context.Context, dir string, args []string) (output string, err error) {
	output, err = p.tryInitdb(ctx, dir, args, p.as, nil)
	if err == nil || !lacksName(output) {
		return output, initdbFailed(dir, output, err)
	}
	for _, way := range namedAccounts(p.as, p.socketDir) {
		if err := emptyFolder(dir); err != nil {
			return output, err
		}
		var again string
		if again, err = p.tryInitdb(ctx, dir, args, way.as, way.env); err == nil || ctx.Err() != nil {
			return again, initdbFailed(dir, again, err)
		}
		p.log.Debug("initdb under a name that was lent to it", "way", way.what, "error", err, "output", again)
	}
	return output, errNameless(p.as)
}

func (p *Postgres) tryInitdb(ctx context.Context, dir string, args []string, as account, env []string) (string, error) {
	var output bytes.Buffer
	cmd := p.bin.command("initdb", args...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = &output, &output
	done, err := p.passFolder(cmd, dir)
	if err != nil {
		return "", err
	}
	defer done()
	err = run(ctx, cmd, as)
	return strings.TrimSpace(output.String()), err
}

func initdbFailed(dir, output string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("make a database in %s: initdb: %w", dir, because(output, err))
}

// passFolder tells cmd to work in dir: by its name, or by a handle where the
// server's user may not go the way there. A temporary folder that root made is
// such a place. Only root can pass this handle, and it opens nothing but dir.
func (p *Postgres) passFolder(cmd *exec.Cmd, dir string) (done func(), err error) {
	if !p.closed {
		cmd.Args = append(cmd.Args, "-D", dir)
		return func() {}, nil
	}
	handle, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open the cluster's folder: %w", err)
	}
	cmd.ExtraFiles = []*os.File{handle} // the first of them is number 3
	cmd.Args = append(cmd.Args, "-D", "/proc/self/fd/3")
	return func() { handle.Close() }, nil
}

// syncFolder makes a rename in dir last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

// makeSocketDir makes the folder of the socket: inside the data folder, or
// where that path is too long for a socket, not plain, or closed to the
// server's user, in a temporary one. After a crash it clears the temporary one of the last owner away.
func (p *Postgres) makeSocketDir(last ownerNote) error {
	if base := filepath.Base(last.SocketDir); strings.HasPrefix(base, socketPrefix) && last.SocketDir != p.socketDir {
		_ = os.RemoveAll(last.SocketDir) // perhaps another process's by now
	}
	if p.socketDir != "" { // a restart keeps its URL
		return makePrivate(p.socketDir, p.as)
	}
	inside := filepath.Join(p.cfg.Dir, "run")
	if !p.closed && suitsSocket(inside, ".s.PGSQL.5432") {
		p.socketDir = inside
		return makePrivate(inside, p.as)
	}
	var err error
	p.socketDir, err = privateTemp(socketPrefix+"*", p.as)
	return err
}

const socketPrefix = "payonce-pg-"

func (p *Postgres) socketInside() bool { return strings.HasPrefix(p.socketDir, p.cfg.Dir+"/") }

// serverArgs are the server's arguments. All settings are given here, so a
// cluster that an older payonce made runs like a new one.
func (p *Postgres) serverArgs() []string {
	settings := map[string]string{
		"listen_addresses":        "",
		"port":                    strconv.Itoa(portNumber),
		"unix_socket_directories": p.socketDir,
		"unix_socket_permissions": "0700",
		"cluster_name":            "payonce",

		// A commit that was answered survives a crash of the machine.
		"fsync":              "on",
		"synchronous_commit": "on",
		"full_page_writes":   "on",

		"max_connections":                 "100",
		"shared_buffers":                  "64MB",
		"huge_pages":                      "off",
		"autovacuum":                      "on",
		"max_wal_size":                    "512MB",
		"checkpoint_timeout":              "15min",
		"max_wal_senders":                 "0", // no replicas of a private server
		"max_logical_replication_workers": "0",
		// Parallel queries need /dev/shm, which is tiny in a container; and
		// compiling costs more than our short queries take.
		"max_parallel_workers_per_gather": "0",
		"jit":                             "off",
		"timezone":                        "UTC",
		"log_timezone":                    "UTC",

		// Statements hold what clients sent, so they don't go to the log; and
		// errors of single statements reach their clients, so they needn't.
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"log_min_messages":        "log",
		"log_min_error_statement": "panic",
		"log_checkpoints":         "off",
	}
	for name, value := range p.cfg.Settings {
		settings[name] = value
	}
	var args []string
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}
