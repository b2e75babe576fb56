package simulator_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// busyBook is the book of a provider with n intents of others, made one after the other between two times, and one of ours at
// the end of the first second.
func busyBook(t *testing.T, n int, from, to int64) (dir string) {
	t.Helper()
	dir = t.TempDir()
	start(t, dir).post(t, secret, "k", intents, form())
	_, content := copyBook(t, dir)
	_, account, _ := strings.Cut(content, `"account":"`)
	account, _, _ = strings.Cut(account, `"`)
	dir = t.TempDir()
	file, err := os.Create(filepath.Join(dir, "book.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	out, ours := bufio.NewWriter(file), false
	line := func(id, payment string, created int64) {
		fmt.Fprintf(out, `{"intent":{"account":%q,"intent":{"id":%q,"object":"payment_intent","amount":1999,"amount_received":1999,`+
			`"currency":"usd","status":"succeeded","created":%d,"metadata":{"payment_id":%q,"merchant_id":"mer_1"}}}}`+"\n", account, id, created, payment)
	}
	for i := range n {
		created := from + int64(i)*(to-from)/int64(n)
		if !ours && created > from {
			line("pi_ours", "pay_1", from)
			ours = true
		}
		line(fmt.Sprintf("pi_%d", i), "pay_other", created)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// However many newer intents there are, ours is found, and what isn't there is known not to be there. Not parallel,
// because it looks at the heap.
func TestFindReadsListsOfAnyLength(t *testing.T) {
	from := time.Now().Add(-time.Hour)
	for _, n := range []int{15_000, 200_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := start(t, busyBook(t, n, from.Unix(), from.Add(90*time.Second).Unix()))
			ask := search()
			ask.Since, ask.Until, ask.Now = from, from.Add(30*time.Second), time.Now()
			if res, looks := untilClear(t, w.client(t, time.Second), ask); res.Outcome != provider.Answered || res.Object.Reference != "pi_ours" {
				t.Errorf("got %+v after %d look-ups, want pi_ours", res, looks)
			}
			ask.PaymentID = "pay_nothing"
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			res, looks := untilClear(t, w.client(t, time.Second), ask)
			runtime.GC()
			runtime.ReadMemStats(&after)
			if res.Outcome != provider.NotFound {
				t.Errorf("got %+v after %d look-ups, want not_found", res, looks)
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

// A second in which more were made than one look-up can read is read over several of them.
func TestFindReadsASecondThatIsLongerThanALookUp(t *testing.T) {
	t.Parallel()
	from := time.Now().Add(-time.Hour)
	w := start(t, busyBook(t, 20_000, from.Unix(), from.Unix()+1))
	ask := search()
	ask.Since, ask.Until, ask.Now, ask.PaymentID = from, from.Add(30*time.Second), time.Now(), "pay_nothing"
	if res, looks := untilClear(t, w.client(t, 50*time.Millisecond), ask); res.Outcome != provider.NotFound || looks < 2 {
		t.Errorf("got %+v after %d look-ups, want not_found after several", res, looks)
	}
}

// untilClear looks up again and again, each time from where the last one stopped.
func untilClear(t *testing.T, c *provider.Client, ask provider.FindRequest) (res provider.Result[provider.Intent], looks int) {
	t.Helper()
	for looks = 1; looks < 1000; looks++ {
		if res = c.Find(t.Context(), ask); res.Outcome != provider.Unknown && res.Outcome != provider.NotSent {
			break
		}
		ask.Position = res.Position
	}
	return res, looks
}
