package check

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
)

// apiKey is what a merchant's secret looks like, wherever it comes from.
var apiKey = regexp.MustCompile(`sk_(?:test|live)_[a-z2-7]{20}_[a-z2-7]+`)

// checkLogs looks for what no log may hold. It never repeats what it found.
func (c *checker) checkLogs(context.Context) error {
	if len(c.in.Logs) == 0 {
		c.report.skip("logs: none is given")
	}
	for _, path := range c.in.Logs {
		if err := c.checkLog(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (c *checker) checkLog(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	from := bufio.NewReaderSize(file, 256<<10)
	for number := 1; ; number++ {
		line, err := from.ReadBytes('\n')
		c.report.LogBytes += int64(len(line))
		c.checkLine(fmt.Sprintf("%s, line %d", path, number), line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *checker) checkLine(where string, line []byte) {
	if bytes.Contains(line, []byte("sk_")) && apiKey.Match(line) {
		c.report.violated(LogsKeepSecrets, "%s: an API key", where)
	}
	for i, secret := range c.in.Forbidden {
		if secret != "" && bytes.Contains(line, []byte(secret)) {
			c.report.violated(LogsKeepSecrets, "%s: secret %d of those that are forbidden", where, i+1)
		}
	}
	for _, crash := range []string{"panic: ", "fatal error: ", "WARNING: DATA RACE"} {
		if bytes.HasPrefix(line, []byte(crash)) {
			c.report.violated(LogsHaveNoCrashes, "%s: %.200s", where, bytes.TrimSpace(line))
		}
	}
}
