package model

// tarjan splits parts of the graph into strongly connected components (Tarjan 1972, without recursion).
type tarjan struct {
	*liveness
	part   []uint32 // the part that a node belongs to
	parts  uint32
	number []uint32 // in the order of visits, from 1
	low    []uint32
	next   []uint32 // the edge to follow next
	of     []uint32 // the component; zero while a node is on the stack
	count  uint32
	found  uint32
	path   []uint32
	stack  []uint32
	rests  [][]uint32
}

func newTarjan(l *liveness) *tarjan {
	n := len(l.open)
	return &tarjan{
		liveness: l, part: make([]uint32, n), number: make([]uint32, n), low: make([]uint32, n), next: make([]uint32, n),
		of: make([]uint32, n),
	}
}

// searchPart splits a part, and whatever has to be split again.
func (t *tarjan) searchPart(part []uint32) {
	for parts := [][]uint32{part}; len(parts) > 0; {
		last := parts[len(parts)-1]
		parts = append(parts[:len(parts)-1], t.split(last)...)
	}
}

// split judges each component of a part, and returns what has to be split again.
func (t *tarjan) split(part []uint32) [][]uint32 {
	t.parts++
	t.rests = nil
	for _, n := range part {
		t.part[n], t.number[n], t.of[n], t.next[n] = t.parts, 0, 0, t.first[n]
	}
	for _, n := range part {
		if t.number[n] == 0 {
			t.visit(n)
		}
	}
	return t.rests
}

func (t *tarjan) visit(root uint32) {
	t.enter(root)
	for len(t.path) > 0 {
		n := t.path[len(t.path)-1]
		if t.next[n] < t.first[n+1] {
			target := t.targets[t.next[n]]
			t.next[n]++
			switch {
			case target == 0 || t.part[target-1] != t.parts: // leads out of the part
			case t.number[target-1] == 0:
				t.enter(target - 1)
			case t.of[target-1] == 0:
				t.low[n] = min(t.low[n], t.number[target-1])
			}
			continue
		}
		t.path = t.path[:len(t.path)-1]
		if len(t.path) > 0 {
			up := t.path[len(t.path)-1]
			t.low[up] = min(t.low[up], t.low[n])
		}
		if t.low[n] == t.number[n] {
			t.pop(n)
		}
	}
}

func (t *tarjan) enter(n uint32) {
	t.count++
	t.number[n], t.low[n] = t.count, t.count
	t.path, t.stack = append(t.path, n), append(t.stack, n)
}

// pop takes the component of a node from the stack.
func (t *tarjan) pop(n uint32) {
	t.found++
	at := len(t.stack) - 1
	for t.stack[at] != n {
		at--
	}
	component := t.stack[at:]
	for _, member := range component {
		t.of[member] = t.found
	}
	if rest := t.judge(component, t.of); len(rest) > 0 {
		t.rests = append(t.rests, rest)
	}
	t.stack = t.stack[:at]
}
