package model

// symmetry is a renaming of processes and replicas that changes nothing: copies of one request are alike, and so are the
// two replicas.
type symmetry struct {
	to    [maxProcess]uint8
	all   int
	swaps bool // the replicas
}

func (m *machine) findSymmetries() []symmetry {
	var found []symmetry
	for _, order := range permutations(m.n) {
		alike := true
		for p, q := range order {
			alike = alike && m.of[p] == m.of[q]
		}
		if !alike {
			continue
		}
		for swaps := range replicas {
			if swaps == 1 && m.Stricter {
				continue // the replicas differ
			}
			s := symmetry{all: m.all, swaps: swaps == 1}
			for p, q := range order {
				s.to[p] = uint8(q)
			}
			for on := range replicas {
				s.to[m.n+on] = uint8(m.n + (on+swaps)%replicas)
			}
			found = append(found, s)
		}
	}
	return found[1:] // the first changes nothing
}

// permutations lists the orders of n things; the first is the one they have.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for _, shorter := range permutations(n - 1) {
		for at := n - 1; at >= 0; at-- {
			order := append([]int{}, shorter[:at]...)
			all = append(all, append(append(order, n-1), shorter[at:]...))
		}
	}
	return all
}

// canonical chooses one of all worlds that are alike.
func (m *machine) canonical(w *world, least key) key {
	for i := range m.symmetries {
		alike := m.symmetries[i].apply(w)
		if k := pack(&alike); k.less(&least) {
			least = k
		}
	}
	return least
}

func (s *symmetry) apply(w *world) world {
	alike := *w
	for p := range s.all {
		me := w.procs[p]
		me.claim = s.rename(me.claim)
		if s.swaps && (me.pc != idle || p >= s.all-replicas) {
			me.on ^= 1
		}
		alike.procs[s.to[p]] = me
	}
	s.rows(&alike.pg)
	if w.stalled {
		s.rows(&alike.standby)
	}
	for i := range alike.redis {
		alike.redis[i].owner = s.rename(alike.redis[i].owner)
	}
	if s.swaps {
		alike.memory[0], alike.memory[1] = alike.memory[1], alike.memory[0]
		alike.view[0], alike.view[1] = alike.view[1], alike.view[0]
	}
	return alike
}

func (s *symmetry) rows(pg *postgres) {
	for i := range pg.records {
		pg.records[i].claim = s.rename(pg.records[i].claim)
	}
	for j := range pg.payments {
		pg.payments[j].claim = s.rename(pg.payments[j].claim)
	}
}

func (s *symmetry) rename(claim uint8) uint8 {
	if claim == 0 {
		return 0
	}
	return s.to[claim-1] + 1
}
