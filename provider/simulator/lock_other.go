//go:build !unix

package simulator

import (
	"errors"
	"os"
)

// lock refuses: without a lock that ends with its process, two simulators could interleave their lines.
func lock(*os.File) error {
	return errors.New("keeping the book on disk needs a Unix system; leave the folder empty to keep it in memory")
}
