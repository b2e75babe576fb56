package archive

import (
	"cmp"
	"slices"
)

// passRecords is how many records are compared with each other in one pass: 64 MiB of them.
const passRecords = 4 << 20

// maxPasses bounds how small a share may become: 64 MiB each, they are more records than any archive has.
const maxPasses = 1 << 16

// repeats counts records that come more than once, in bounded memory: each pass looks at one share of them, by their hashes.
type repeats struct {
	limit  int
	seen   []recordID
	pass   uint64
	passes uint64 // grows in the first one, because the number of records isn't known before
}

func newRepeats(limit int) *repeats { return &repeats{limit: limit, passes: 1} }

// see takes note of a record, if it is of this pass's share. In the first pass the share becomes smaller when it would be too much.
func (r *repeats) see(id recordID) {
	if id.high%r.passes != r.pass {
		return
	}
	for r.pass == 0 && len(r.seen) >= r.limit {
		if r.passes >= maxPasses { // one record a million times, say
			break
		}
		r.passes *= 2
		r.seen = slices.DeleteFunc(r.seen, func(id recordID) bool { return id.high%r.passes != 0 })
	}
	if id.high%r.passes != r.pass {
		return
	}
	if r.seen == nil {
		r.seen = make([]recordID, 0, r.limit) // at once: a slice that grows is there twice
	}
	r.seen = append(r.seen, id)
}

// end ends a pass and returns how many records were there before.
func (r *repeats) end() (n int64) {
	slices.SortFunc(r.seen, func(a, b recordID) int { return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low)) })
	for i := 1; i < len(r.seen); i++ {
		if r.seen[i] == r.seen[i-1] {
			n++
		}
	}
	r.seen = r.seen[:0]
	return n
}

// next begins the next pass, if there is one.
func (r *repeats) next() bool {
	r.pass++
	return r.pass < r.passes
}
