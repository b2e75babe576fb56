package chaos

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/payonce/payonce/test/procfs"
	"github.com/payonce/payonce/test/service"
)

const (
	memoryEvery = 5 * time.Second
	// memoryLeast is how long a run takes at least whose memory is judged: what starts grows.
	memoryLeast = 10 * time.Minute
	// memoryGrowth is what the median of the last quarter of a run may be of its second quarter's, and memoryRoom what it may be above.
	memoryGrowth = 1.25
	memoryRoom   = 16 << 20
)

// memory is what each part of the world held, in bytes, each five seconds.
type memory struct {
	parts map[string][]int64
}

// watch notes memory until stop is called, which returns when it has ended.
func (m *memory) watch(w *world) (stop func()) {
	m.parts = map[string][]int64{}
	if runtime.GOOS != "linux" {
		return func() {}
	}
	enough, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(memoryEvery)
		defer ticker.Stop()
		for {
			select {
			case <-enough:
				return
			case <-ticker.C:
				m.note(w)
			}
		}
	}()
	return func() { close(enough); <-ended }
}

// note takes one sample. A part that is down at this moment has none.
func (m *memory) note(w *world) {
	parts := map[string]int64{"this test": own(os.Getpid()), "Redis": own(w.redis.Pid())}
	if postmaster := w.postgres.Pid(); postmaster > 0 {
		parts["PostgreSQL"] = own(append(service.Children(w.t, postmaster), postmaster)...)
	}
	for i, r := range w.replicas {
		parts[fmt.Sprint("replica ", i)] = own(r.service.Pid())
	}
	for part, bytes := range parts {
		if bytes > 0 {
			m.parts[part] = append(m.parts[part], bytes)
		}
	}
}

// own is what processes hold that no file backs and no other process shares, in bytes.
func own(pids ...int) (bytes int64) {
	for _, pid := range pids {
		bytes += procfs.MemoryOf(pid).Own
	}
	return bytes
}

// tell prints each part's median in the second and in the last quarter, and what grew too much. The test's own memory is told only:
// it keeps what it has to compare.
func (m *memory) tell(length time.Duration) (table string, grew []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-28s %9s %8s\n", "memory, MB: median of the", "2nd", "4th quarter")
	for _, part := range slices.Sorted(maps.Keys(m.parts)) {
		samples := m.parts[part]
		early, late := median(samples[len(samples)/4:len(samples)/2+1]), median(samples[len(samples)*3/4:])
		fmt.Fprintf(&b, "%-28s %9.1f %8.1f\n", part, float64(early)/(1<<20), float64(late)/(1<<20))
		if length >= memoryLeast && part != "this test" && float64(late) > memoryGrowth*float64(early) && late > early+memoryRoom {
			grew = append(grew, part)
		}
	}
	return b.String(), grew
}

func median(samples []int64) int64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[len(sorted)/2]
}
