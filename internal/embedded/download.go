package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/payonce/payonce/internal/logging"
)

const (
	// downloadLimit bounds a download, or the wait for another process that does it.
	downloadLimit = 10 * time.Minute
	// stallLimit bounds how long nothing may come.
	stallLimit = 30 * time.Second
)

// downloads are the sources after the installed servers, in their fallback
// order: what was downloaded before, and what can be downloaded.
type downloads struct {
	releases  []release
	platform  string
	registry  *url.URL
	folders   []string // to keep downloads in; the first that will do is taken
	forbidden bool
	as        account // who runs the programs
	announce  func(text string)
	log       *slog.Logger

	limit, stall time.Duration
}

func newDownloads(cfg PostgresConfig, as account, log *slog.Logger) (*downloads, error) {
	registry, err := url.Parse(cmp.Or(cfg.DownloadURL, publicRegistry))
	if err != nil || registry.Host == "" { // err would show a password
		return nil, errors.New("PAYONCE_DOWNLOAD_URL is not the URL of an npm registry")
	}
	d := &downloads{
		releases: releases, platform: thisPlatform, registry: registry, folders: cacheFolders(cfg),
		forbidden: cfg.NoDownload, as: as, log: log, limit: downloadLimit, stall: stallLimit,
		announce: func(text string) { log.Info("downloading PostgreSQL", "details", text) },
	}
	if cfg.Announce != nil {
		d.announce = func(text string) { fmt.Fprintln(cfg.Announce, text) }
	}
	return d, nil
}

// cacheFolders are the folders to keep downloads in. The user's cache is first,
// because data folders come and go; the data folder is there where a user has
// no home, or the server's user may not go there.
func cacheFolders(cfg PostgresConfig) []string {
	if cfg.CacheDir != "" {
		return []string{cfg.CacheDir}
	}
	inData := filepath.Join(cfg.Dir, "downloads")
	if os.Geteuid() == 0 { // whose home the server's user may not enter
		return []string{"/var/cache/payonce", inData}
	}
	if cache, err := os.UserCacheDir(); err == nil {
		return []string{filepath.Join(cache, "payonce"), inData}
	}
	return []string{inData}
}

// find returns a server that was downloaded, now or before.
func (d *downloads) find(ctx context.Context, existing []int) (binaries, error) {
	r, a, err := pick(d.releases, d.platform, existing)
	if err != nil {
		return binaries{}, err
	}
	tree, err := d.obtain(ctx, r, a)
	if err != nil {
		return binaries{}, err
	}
	b, err := inspect(ctx, binaries{dir: programs(tree), downloaded: true})
	if err == nil && b.version != r.version {
		err = fmt.Errorf("it is version %s, not %s", b.version, r.version)
	}
	if err != nil {
		return binaries{}, fmt.Errorf("the downloaded one can't be used: %w (remove %s to have it downloaded again)", err, tree)
	}
	return b, nil
}

// obtain returns the folder of an unpacked archive. A folder in its place is a
// whole one, because it was made beside its place and moved there.
func (d *downloads) obtain(ctx context.Context, r release, a archive) (tree string, err error) {
	for _, folder := range d.folders {
		tree = filepath.Join(folder, a.name())
		if isWhole(tree) && d.as.checkEnter(tree) == nil {
			return tree, nil
		}
	}
	if d.forbidden {
		return "", errors.New("PAYONCE_NO_DOWNLOAD forbids downloading it")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.limit, fmt.Errorf("it was not done within %s", d.limit))
	defer cancel()
	folder, lock, err := d.place(a)
	if err != nil {
		return "", err
	}
	defer lock.Close() // gives it up
	if err := d.waitFor(ctx, lock); err != nil {
		return "", err
	}
	tree = filepath.Join(folder, a.name())
	if isWhole(tree) { // by the one that we waited for
		return tree, nil
	}
	done := logging.Waiting(ctx, d.log, "the download of PostgreSQL", "from", d.registry.Host)
	defer done()
	d.announce(fmt.Sprintf("No PostgreSQL that fits is installed. Downloading PostgreSQL %s, once: %.1f MB from %s to %s. "+
		"PAYONCE_NO_DOWNLOAD=1 forbids it.", r.version, float64(a.size)/1e6, d.registry.Host, folder))
	if err := d.download(ctx, a, tree); err != nil {
		return "", fmt.Errorf("its download failed: %w (start again, or set PAYONCE_DOWNLOAD_URL to another npm registry)", err)
	}
	return tree, nil
}

func programs(tree string) string { return filepath.Join(tree, "native", "bin") }

func isWhole(tree string) bool {
	return isFile(filepath.Join(programs(tree), "postgres")) && isFile(filepath.Join(programs(tree), "initdb"))
}

// place finds a folder that can be written, and that the server's user may
// enter, and opens the archive's lock in it.
func (d *downloads) place(a archive) (folder string, lock *os.File, err error) {
	var unfit error
	for _, folder := range d.folders {
		var err error
		if strings.ContainsAny(folder, shellSpecials) {
			err = fmt.Errorf("initdb can't be run from %q, %w", folder, errShellSpecial)
		} else {
			err = makeFolders(folder, d.as)
		}
		if err == nil {
			err = d.as.checkEnter(folder)
		}
		if err == nil {
			lock, err = os.OpenFile(filepath.Join(folder, a.name()+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
		}
		if err == nil {
			return folder, lock, nil
		}
		if unfit != nil {
			err = fmt.Errorf("%w; %w", unfit, err)
		}
		unfit = err
	}
	return "", nil, fmt.Errorf("there is no folder to download it to: %w", unfit)
}

// waitFor takes the lock, so that one process downloads and the others use it.
func (d *downloads) waitFor(ctx context.Context, lock *os.File) error {
	done := logging.Waiting(ctx, d.log, "another process that downloads PostgreSQL", "lock", lock.Name())
	defer done()
	for told := false; ; told = true {
		ok, err := tryLock(lock, true)
		if ok || err != nil {
			return err
		}
		if !told {
			d.log.Info("waiting for another process that downloads PostgreSQL", "lock", lock.Name())
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for another process that downloads it: %w", err)
		}
	}
}

// download puts an archive's content in its place; we hold the lock. What a
// crash left of an earlier try is cleared away first.
func (d *downloads) download(ctx context.Context, a archive, tree string) (err error) {
	part, half := tree+".part", tree+".new"
	clearAway := func() error { return errors.Join(os.RemoveAll(part), os.RemoveAll(half)) }
	defer func() { err = errors.Join(err, clearAway()) }()
	if err := errors.Join(clearAway(), os.RemoveAll(tree)); err != nil {
		return err
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := d.fetch(ctx, a, f); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := unpack(ctx, f, half); err != nil {
		return fmt.Errorf("unpack it: %w", err)
	}
	if !isWhole(half) {
		return errors.New("the archive holds no postgres and initdb")
	}
	if err := os.Rename(half, tree); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(tree))
}
