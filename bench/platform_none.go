//go:build !unix

package main

import "errors"

var errNotHere = errors.New("benchmarks need Linux or macOS")

func (*child) freeze() error { return errNotHere }

func (*child) thaw() error { return errNotHere }

func freeDisk(string) (int64, error) { return 0, errNotHere }
