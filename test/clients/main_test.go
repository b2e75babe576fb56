package clients

import (
	"flag"
	"os"
	"testing"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/service"
)

var operations = flag.Int("operations", 400, "how many operations both clients do together while everything fails")

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "payonce-clients-")
	if err != nil {
		panic(err)
	}
	built.folder = folder
	// Most of these tests wait, for Retry-After say, and don't compute.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	code := service.Main(m)
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// needsPrograms is for a test that starts these programs.
func needsPrograms(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		needs.Program(t, "install it", program)
	}
}
