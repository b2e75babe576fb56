package models

import "errors"

// ErrNotFound means that there is no such row, or that it belongs to another merchant: callers can't tell which.
var ErrNotFound = errors.New("not found")
