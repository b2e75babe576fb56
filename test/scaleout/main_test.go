package scaleout

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// wanted are the flags of this test binary. A global, because flags have no other way to a test.
var wanted struct {
	length time.Duration
	rate   int
}

func TestMain(m *testing.M) {
	flag.DurationVar(&wanted.length, "for", 4*time.Second, "how long each run is under load; what fails does so in the middle")
	flag.IntVar(&wanted.rate, "rate", 60, "requests a second of each run, as far as the machine goes")
	flag.Parse()
	os.Exit(service.Main(m))
}
