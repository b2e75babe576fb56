//go:build !unix

package demo

import (
	"errors"

	"github.com/payonce/payonce/internal/embedded"
)

// Nothing gets here: the private PostgreSQL needs Linux or macOS, too.
func freezeProcess(*embedded.Process) error { return errors.ErrUnsupported }
func thawProcess(*embedded.Process) error   { return errors.ErrUnsupported }
