package faults

import (
	"flag"
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
	if !cells.report(os.Stdout) {
		code = max(code, 1)
	}
	os.Exit(code)
}
