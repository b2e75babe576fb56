package faults

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if !isSet("test.parallel") {
		// Each of these tests keeps dozens of requests at every step, and some measure time: on a busy machine they fail each other.
		_ = flag.Set("test.parallel", strconv.Itoa(min(2, runtime.GOMAXPROCS(0))))
	}
	folder, err := os.MkdirTemp("", "payonce-overlays-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make a folder:", err)
		os.Exit(1)
	}
	overlays.folder = folder
	code := service.Main(m)
	_ = os.RemoveAll(folder)
	if isSet("test.list") {
		os.Exit(code)
	}
	os.Exit(max(code, show()))
}

// show prints the matrix, also into the file that FAULT_MATRIX names: go test hides what passing packages print. It
// returns the exit code.
func show() (code int) {
	var text bytes.Buffer
	if !cells.report(&text) {
		code = 1
	}
	fmt.Print(text.String())
	if path := os.Getenv("FAULT_MATRIX"); path != "" {
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "write the matrix:", err)
			return 1
		}
	}
	return code
}
