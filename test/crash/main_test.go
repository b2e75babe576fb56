package crash

import (
	"os"
	"testing"

	"github.com/payonce/payonce/test/binary"
	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(binary.Main(func() int { return stores.Main(m) })) }
