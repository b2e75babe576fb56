package provider

import (
	"fmt"
	"strings"
	"time"
)

// window is a closed range of created times in Unix seconds, the finest that the provider's list can be asked for. Zero
// is open.
type window struct{ from, to int64 }

// The first window, in seconds around Since, and how far the second one reaches. Each further one reaches widening times
// as far. The send is written down right before it is made, so the intent is most often in the first window.
const (
	nearBefore, nearAfter = 1, 2
	reach, widening       = 15, 6
)

// plan lists the windows in the order in which they are read: without gaps or overlaps, from Since outwards, and then on
// to Later. What is read for Since and Until alone is the beginning of what is read with Later.
func (r FindRequest) plan() []window {
	margin := int64(clockMargin / time.Second)
	if r.Since.IsZero() {
		w := window{}
		if !r.Until.IsZero() {
			w.to = r.Until.Unix() + margin
		}
		return []window{w}
	}
	at := r.Since.Unix()
	lowest, highest := at-margin, at+margin
	if !r.Until.IsZero() {
		highest = max(r.Until.Unix(), at) + margin
	}
	near := window{at - nearBefore, at + nearAfter}
	plan := []window{near}
	from, to := near.from, near.to
	for far := int64(reach); from > lowest || to < highest; far *= widening {
		if end := min(highest, at+far); end > to {
			plan, to = append(plan, window{to + 1, end}), end
		}
		if end := max(lowest, at-far); end < from {
			plan, from = append(plan, window{end, from - 1}), end
		}
	}
	if r.Until.IsZero() {
		return append(plan, window{from: to + 1})
	}
	return append(plan, r.rest(to, margin)...)
}

// rest are the windows behind the last one, up to Later.
func (r FindRequest) rest(to, margin int64) (plan []window) {
	if !r.Later.After(r.Until) {
		return nil
	}
	last := r.Later.Unix() + margin
	for size := int64(reach * widening); to < last; size *= widening {
		end := min(last, to+size)
		plan, to = append(plan, window{to + 1, end}), end
	}
	return plan
}

// position names a place in a window: from where the next page is read.
func (w window) position(after string) string { return fmt.Sprintf("%d-%d/%s", w.from, w.to, after) }

// resume finds a position in the plan. One of another plan (the settings have changed) leads to the beginning.
func resume(plan []window, position string) (first int, after string) {
	for i, w := range plan {
		rest, ok := strings.CutPrefix(position, w.position(""))
		if ok && (rest == "" || isReference(rest)) {
			return i, rest
		}
	}
	return 0, ""
}
