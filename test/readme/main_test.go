package readme

import (
	"os"
	"testing"

	"github.com/payonce/payonce/test/binary"
)

func TestMain(m *testing.M) { os.Exit(binary.Main(m.Run)) }
