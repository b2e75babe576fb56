package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	databaseName = "payonce"
	userRole     = "payonce"
	portNumber   = 5432 // only a part of the socket's name: nothing listens on TCP
	logName      = "postgres.log"
)

// PostgresConfig says where the private PostgreSQL lives.
type PostgresConfig struct {
	Dir      string            // data folder; made when missing
	BinDir   string            // PG_BIN_DIR: take the server here and nowhere else
	Log      *slog.Logger      // nil is silent
	Command  string            // what owns the folder, for who finds it in use: "serve"
	Settings map[string]string // server settings that replace ours, for tests

	NoDownload      bool      // PAYONCE_NO_DOWNLOAD: take what is installed or was downloaded before
	DownloadURL     string    // PAYONCE_DOWNLOAD_URL: an npm registry; empty is the public one
	CacheDir        string    // keeps what was downloaded; empty is the user's cache
	Announce        io.Writer // is told the size before a download; nil is a log line
	IgnoreInstalled bool      // don't look for an installed server
}

// Postgres is a private PostgreSQL server, a child of this process.
type Postgres struct {
	cfg       PostgresConfig
	log       *slog.Logger
	bin       binaries
	as        account
	cluster   string // its data, inside cfg.Dir
	socketDir string
	closed    bool // p.as may not enter cfg.Dir

	mu    sync.Mutex // guards start and stop, so that one never overtakes another
	owner *owner     // nil while stopped
	child *child
}

// StartPostgres starts the private server of a data folder and returns when it
// answers, with the database "payonce" in it. Where no server is installed it
// downloads one first. ctx bounds all of that, not the life of the server: that
// ends with [Postgres.Stop].
//
// The error is [ErrInUse] when another process owns the folder, and
// [ErrNoPostgres] when no server is installed and none could be downloaded.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if !supported {
		return nil, errors.New("the embedded PostgreSQL needs Linux or macOS: set DATABASE_URL to a server that runs")
	}
	dropClientSettings()
	dir, err := MakeDataFolder(cfg.Dir)
	if err != nil {
		return nil, err
	}
	cfg.Dir = dir
	p := &Postgres{cfg: cfg, log: cfg.Log}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	majors, folders := existingClusters(dir)
	if p.as, err = serverAccount(folders); err != nil {
		return nil, err
	}
	downloads, err := newDownloads(cfg, p.as, p.log)
	if err != nil {
		return nil, err
	}
	if p.bin, err = findBinaries(ctx, cfg, majors, downloads); err != nil {
		return nil, err
	}
	p.cluster = filepath.Join(dir, "postgres-"+strconv.Itoa(p.bin.major))
	if err := p.as.checkEnter(dir); err != nil {
		if !canPassFolders {
			return nil, err
		}
		p.closed = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.start(ctx); err != nil {
		return nil, fmt.Errorf("start the embedded PostgreSQL: %w", err)
	}
	return p, nil
}

// URL is the address of the database "payonce".
func (p *Postgres) URL() string { return p.DatabaseURL(databaseName) }

// DatabaseURL is the address of another database of this server; name is made
// of letters, digits and _.
func (p *Postgres) DatabaseURL(name string) string {
	return clientAddress(p.socketDir, name)
}

// Source says, for people, which server was taken.
func (p *Postgres) Source() string {
	origin := "installed"
	if p.bin.downloaded {
		origin = "downloaded"
	}
	return fmt.Sprintf("%s PostgreSQL %s (%s)", origin, p.bin.version, p.bin.dir)
}

// Serves notes where the owner of the folder listens, for who finds the folder
// in use.
func (p *Postgres) Serves(url string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.owner == nil {
		return nil
	}
	note := p.owner.last
	note.Serves = url
	return p.owner.note(note)
}

// Pid is the process id of the server, 0 while it is stopped.
func (p *Postgres) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil || p.child.ended() {
		return 0
	}
	return p.child.pid()
}

// Stop shuts the server down, waits for it and gives the folder up. Open
// connections are closed, their transactions rolled back. When ctx ends first
// the server is ended by force, which loses nothing that was committed.
func (p *Postgres) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop(ctx, syscall.SIGINT)
}

// Kill ends the server as a crash would: no checkpoint, the next start recovers
// from the log. For tests, and where the data is thrown away.
func (p *Postgres) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return p.stop(ctx, syscall.SIGQUIT)
}

// Restart starts the server again, on the same folder and at the same URL;
// first it stops a running one. For tests.
func (p *Postgres) Restart(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.stop(ctx, syscall.SIGINT); err != nil {
		return err
	}
	if err := p.start(ctx); err != nil {
		return fmt.Errorf("restart the embedded PostgreSQL: %w", err)
	}
	return nil
}

// start takes the folder and brings the server up; it leaves nothing behind
// when it fails.
func (p *Postgres) start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, errors.New("no answer for "+startLimit.String()))
	defer cancel()
	var last ownerNote
	if p.owner, last, err = own(p.cfg.Dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.giveUp())
		}
	}()
	if err = p.makeSocketDir(last); err != nil {
		return err
	}
	if err = p.owner.note(ownerNote{SocketDir: p.socketDir, Command: p.cfg.Command}); err != nil {
		return err
	}
	if err = p.makeCluster(ctx); err != nil {
		return err
	}
	if err = p.launch(ctx); err != nil {
		return err
	}
	go p.reportEnd(p.child)
	return p.owner.note(ownerNote{SocketDir: p.socketDir, Command: p.cfg.Command, URL: p.URL()})
}

func (p *Postgres) stop(ctx context.Context, sig syscall.Signal) error {
	if p.owner == nil {
		return nil
	}
	var err error
	if p.child != nil {
		err = p.child.stop(ctx, sig, syscall.SIGQUIT)
	}
	return errors.Join(err, p.giveUp())
}

// giveUp releases what start took, once no server runs.
func (p *Postgres) giveUp() error {
	p.child = nil
	var err error
	if !p.socketInside() && p.socketDir != "" {
		err = os.RemoveAll(p.socketDir)
	}
	if p.owner != nil {
		err = errors.Join(err, p.owner.release())
		p.owner = nil
	}
	return err
}

// reportEnd logs a server that ends without being asked to. It is not started
// again here: readiness fails, and the operator decides.
func (p *Postgres) reportEnd(c *child) {
	<-c.done
	if !c.stopping.Load() {
		p.log.Error("the embedded PostgreSQL ended by itself", "pid", c.pid(), "how", c.err,
			"log", filepath.Join(p.cfg.Dir, logName))
	}
}
