package faults

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if !isSet("test.parallel") {
		_ = flag.Set("test.parallel", "6") // most of these tests wait for a lease to end
	}
	code := service.Main(m)
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
