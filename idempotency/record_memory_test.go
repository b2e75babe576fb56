package idempotency

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// A server's method and path are parts of one string with the whole request line.
func TestARecordKeepsNoRequestLineInMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	records := make([]*Record, 100)
	for i := range records {
		line := strings.Repeat("POST /x?a=b ", 1<<17) // 1.5 MB
		records[i] = newRecord(Request{Method: line[:4], Path: line[5:7]})
	}
	if grown := int64(heap()) - int64(before); grown > 16<<20 { //nolint:gosec // far below 2^63
		t.Errorf("100 records keep %d MB alive, want next to nothing", grown>>20)
	}
	if last := records[len(records)-1]; last.Method != http.MethodPost || last.Path != "/x" {
		t.Errorf("got %q %q, want POST /x", last.Method, last.Path)
	}
}
