package faults

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// cells counts what was hit. A global, because TestMain prints what all tests did.
var cells registry

type registry struct {
	mu      sync.Mutex
	excused map[string]string // why this machine can't make a fault happen, by fault; never in CI
	began   map[string]int    // hits of each cell that was begun, by fault and step
}

// cell is one test in the matrix.
type cell struct {
	*testing.T
	name string
}

// hit says that the fault has happened to one request at the cell's step. It must rest on evidence: what was held there,
// what the proxy broke, what the process did not survive.
func (c *cell) hit() {
	cells.mu.Lock()
	defer cells.mu.Unlock()
	cells.began[c.name]++
}

// in runs the test of one cell. The matrix must name it, and the test must hit it.
func in(t *testing.T, fault string, at step, run func(c *cell)) {
	t.Helper()
	if !named(fault, at) {
		t.Errorf("the matrix doesn't name %s at S%d", fault, at)
	}
	t.Run(fmt.Sprintf("S%d", at), func(t *testing.T) {
		c := &cell{T: t, name: cellName(fault, at)}
		cells.begin(c.name)
		run(c)
		if cells.hits(c.name) == 0 && !t.Failed() {
			t.Error("the fault never happened at this step")
		}
	})
}

// excuse says why this machine can't make a fault happen. In CI a test fails instead.
func (r *registry) excuse(fault, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.excused == nil {
		r.excused = map[string]string{}
	}
	r.excused[fault] = why
}

func cellName(fault string, at step) string { return fmt.Sprintf("%s S%d", fault, at) }

func named(fault string, at step) bool {
	return slices.ContainsFunc(matrix(), func(r row) bool { return r.fault == fault && slices.Contains(r.steps, at) })
}

func (r *registry) begin(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began == nil {
		r.began = map[string]int{}
	}
	r.began[name] += 0
}

func (r *registry) hits(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.began[name]
}

// report prints the matrix and tells whether every cell that was asked for has a hit: after a whole run all of them,
// after a run of some tests those that began.
func (r *registry) report(w io.Writer) bool {
	whole := !isSet("test.run") && !isSet("test.skip")
	missing := 0
	fmt.Fprintf(w, "\nfault matrix: hits by fault and step%28s%s\n", "", header())
	for _, row := range matrix() {
		line := fmt.Sprintf("%-4s %-48.48s", row.fault, row.title)
		for _, at := range everyStep() {
			text, ok := r.mark(row, at, whole)
			if !ok {
				missing++
			}
			line += fmt.Sprintf("%5s", text)
		}
		fmt.Fprintln(w, line)
	}
	legend(w)
	if missing > 0 {
		fmt.Fprintf(w, "%d cells without a hit\n", missing)
	}
	return missing == 0
}

func header() (line string) {
	for _, at := range everyStep() {
		line += fmt.Sprintf("%5s", fmt.Sprintf("S%d", at))
	}
	return line
}

// mark is what stands in one cell, and whether that is enough.
func (r *registry) mark(row row, at step, whole bool) (text string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	hits, began := r.began[cellName(row.fault, at)]
	switch {
	case !slices.Contains(row.steps, at):
		return "·", true
	case r.excused[row.fault] != "":
		return "x", true
	case hits > 0:
		return fmt.Sprint(hits), true
	case began || whole:
		return "0", false
	}
	return "-", true
}

// legend says why a cell is empty, and what is not the real thing.
func legend(w io.Writer) {
	fmt.Fprintln(w, "\n·  doesn't apply          -  not in this run")
	for _, row := range matrix() {
		if row.others != "" {
			fmt.Fprintf(w, "%-4s ·  %s\n", row.fault, row.others)
		}
		if len(row.steps) == 0 {
			fmt.Fprintf(w, "%-4s ·  not tested yet\n", row.fault)
		}
	}
	for fault, why := range cells.excused {
		fmt.Fprintf(w, "%-4s x  %s\n", fault, why)
	}
	fmt.Fprintln(w, "\nkinds of requests:")
	for _, row := range matrix() {
		if row.kinds != nil {
			fmt.Fprintf(w, "%-4s    %s\n", row.fault, namesOf(row.kinds))
		}
	}
	fmt.Fprintln(w, "else    payments, and orders where they pass")
	fmt.Fprintln(w, "\nsimulated:")
	for _, row := range matrix() {
		if row.stand != "" {
			fmt.Fprintf(w, "%-4s    %s\n", row.fault, row.stand)
		}
	}
}

func isSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name && strings.TrimSpace(f.Value.String()) != "" })
	return set
}

func namesOf(kinds []kind) string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}
