package main

import (
	"os"
	"strconv"
	_ "unsafe" // for go:linkname
)

// Where Go's runtime finds the clock in Linux's vDSO; 0: there is none, and it asks the kernel.
//
//go:linkname vdsoClockGettime runtime.vdsoClockgettimeSym
var vdsoClockGettime uintptr

var (
	clockGettime   uintptr // what stood there
	clockShift     int64   // seconds
	shiftedAddress uintptr // of shifted, in shifted_amd64.s
)

func init() {
	var err error
	if clockShift, err = strconv.ParseInt(os.Getenv("PAYONCE_TEST_CLOCK_OFFSET"), 10, 64); err != nil {
		panic(err)
	}
	clockGettime, vdsoClockGettime = vdsoClockGettime, shiftedAddress
}
