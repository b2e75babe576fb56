package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	redisPrefix = "redis-"
	redisSocket = "redis.sock"
)

// redisServer is an installed Redis and the private folder of its socket. Every
// start of payonce has a folder of its own, so replicas on one machine may
// share a data folder.
type redisServer struct {
	program string
	folder  string
	as      account

	// nil while stopped
	lock  *os.File // on the folder: who gets it may remove the folder
	child *child
}

func (s *redisServer) socket() string { return filepath.Join(s.folder, redisSocket) }

// newRedisServer makes the folder inside dir, or in a temporary place where the
// data folder can't be written or its path will not do for a socket.
func newRedisServer(program, dir string) (*redisServer, error) {
	as, err := serverAccount(nil)
	if err != nil {
		return nil, err
	}
	s := &redisServer{program: program, as: as}
	if s.folder, err = redisFolder(dir, as); err == nil {
		return s, nil
	}
	for _, base := range temporaryFolders() {
		removeAbandoned(base, "payonce-"+redisPrefix)
	}
	s.folder, err = privateTemp("payonce-"+redisPrefix+"*", as)
	return s, err
}

// redisFolder makes a folder for one run inside dir. Redis keeps no data, so an
// error is no reason to fail: any other folder will do.
func redisFolder(dir string, as account) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data folder %s: %w", dir, err)
	}
	if dir == "" || !suitsSocket(filepath.Join(abs, redisPrefix+"1234567890"), redisSocket) {
		return "", fmt.Errorf("no socket can lie in %q", abs)
	}
	if err := makeFolders(abs, as); err != nil {
		return "", err
	}
	if err := as.checkEnter(abs); err != nil {
		return "", err
	}
	removeAbandoned(abs, redisPrefix)
	folder, err := os.MkdirTemp(abs, redisPrefix+"*")
	if err != nil {
		return "", fmt.Errorf("make a folder for Redis: %w", err)
	}
	return folder, nil
}

// start runs the server until it answers; it leaves nothing when it fails.
func (s *redisServer) start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, s.removeFolder())
		}
	}()
	if err := makePrivate(s.folder, s.as); err != nil {
		return err
	}
	s.lock, err = os.OpenFile(filepath.Join(s.folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock Redis' folder: %w", err)
	}
	if ok, err := tryLock(s.lock, true); err != nil || !ok {
		return errors.Join(fmt.Errorf("lock Redis' folder %s: taken", s.folder), err)
	}
	s.child, err = launchRedis(ctx, s.program, s.folder, s.as)
	return err
}

func (s *redisServer) stop(ctx context.Context) error {
	if s.child == nil {
		return nil
	}
	err := s.child.stop(ctx, syscall.SIGTERM, syscall.SIGKILL)
	s.child = nil
	return errors.Join(err, s.removeFolder())
}

func (s *redisServer) removeFolder() error {
	err := os.RemoveAll(s.folder)
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

// removeAbandoned removes what killed processes left in dir. Folders younger
// than a minute are spared: their owner may not have locked them yet.
func removeAbandoned(dir, prefix string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !entry.IsDir() || !strings.HasPrefix(entry.Name(), prefix) ||
			time.Since(info.ModTime()) < time.Minute {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if taken, err := owned(filepath.Join(path, "lock")); err == nil && !taken {
			_ = os.RemoveAll(path) // untidy at worst
		}
	}
}

func launchRedis(ctx context.Context, program, dir string, as account) (*child, error) {
	logPath, socket := filepath.Join(dir, "redis.log"), filepath.Join(dir, redisSocket)
	out, err := openLog(logPath, as)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the server has its own handle
	cmd := command(program, redisArgs(dir, socket)...)
	cmd.Stdout, cmd.Stderr = out, out
	c, err := startChild(cmd, as, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	if err := waitPong(ctx, c, socket); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("%w; the end of its log:\n%s", err, tail(logPath)),
			c.stop(stopCtx, syscall.SIGTERM, syscall.SIGKILL))
	}
	return c, nil
}

func redisArgs(dir, socket string) []string {
	return []string{
		"--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir", dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning",
		// Anything may be forgotten, so when memory is full the least used goes.
		"--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru",
	}
}

func waitPong(ctx context.Context, c *child, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := pong(ctx, socket)
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended before it was ready (%w)", c.cmd.Path, c.how())
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer in time: %w (%w)", c.cmd.Path, context.Cause(ctx), err)
		case <-time.After(readyPause):
		}
	}
}

func pong(ctx context.Context, socket string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "+PONG") {
		return fmt.Errorf("PING was answered with %q", strings.TrimSpace(line))
	}
	return nil
}
