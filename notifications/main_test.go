package notifications_test

import (
	"os"
	"testing"

	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }
