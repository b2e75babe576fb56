package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/listener"
)

// Listen prints a merchant's events until the context ends.
func Listen(ctx context.Context, c *config.Listen, out io.Writer) error {
	cfg := listener.Config{URL: c.URL, APIKey: string(c.APIKey), Forward: c.Forward, Out: out}
	if c.Events != "" {
		cfg.Events = strings.Split(c.Events, ",")
	}
	if cfg.URL == "" {
		host, port, err := net.SplitHostPort(c.Addr)
		if err != nil {
			return fmt.Errorf("ADDR %s: %w", c.Addr, err)
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		cfg.URL = "http://" + net.JoinHostPort(host, port)
	}
	if cfg.APIKey == "" {
		key, err := os.ReadFile(filepath.Join(c.DataDir, "demo.key"))
		if errors.Is(err, os.ErrNotExist) {
			return errors.New("no API key: name one with --api-key or PAYONCE_API_KEY; a service without settings keeps one in DATA_DIR")
		}
		if err != nil {
			return fmt.Errorf("read the demo key: %w", err)
		}
		cfg.APIKey = strings.TrimSpace(string(key))
	}
	return listener.Run(ctx, cfg)
}
