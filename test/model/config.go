package model

// Request is one request of a client, who sends it as often as it likes.
type Request struct {
	Merchant, Key uint8 // whose key
	Path, Body    uint8 // what the fingerprint covers
	Order         uint8 // to be paid
	Local         bool  // an effect in the store only (idempotency.Local)
}

// Config is one model to explore: who asks, what may go wrong, and which protection is taken out.
type Config struct {
	Name     string
	Requests []Request // 1 to 3, of at most two keys
	Faults   int       // at most this many; everything else that is left to chance is free

	Redis    bool // with L1 and Redis; without them Postgres answers all
	Lies     bool // Redis may return what was never published (F8)
	Declines bool // the provider may decline
	Refuses  bool // the provider may refuse the request itself, and take the next copy of it
	Slow     bool // the provider may show an intent on the way: untried, confirming (F37)
	Picky    bool // the store may come to refuse what the provider answers: a reference that another payment has, say
	Halves   bool // a batch may reach Postgres in part, and hold its locks (F36)
	Lists    bool // its list may become unreadable for good, or show two charges for one payment (F38)
	Stricter bool // replica B runs a release whose schema refuses the first request (F40)
	HangUps  bool // clients may hang up
	GivesUp  bool // a key that nothing is known of may be given up, by a request under another one (F41)
	Life     bool // records expire and are forgotten
	Aging    bool // attempts outlive RESEND_MAX_AGE, and then the provider may forget its keys (F22)
	Failover bool // a standby that lost commits may be promoted (F13)
	Fine     bool // nothing is merged into one step that is more than one (doc.go)

	Sabotage Sabotage
	Without  Assumption // what the model takes for granted, and here does not
	seek     violation  // only this one ends the search; fine: any
}

// Assumption is something outside of payonce that the protocol relies on; doc.go says why each is sound.
type Assumption uint8

// The assumptions. The zero value drops none.
const (
	Nothing              Assumption = iota
	KeysOutliveResends              // the provider remembers a key for longer than RESEND_MAX_AGE
	RequestsArriveInTime            // no request is in the network for longer than the provider remembers its key
)

// intent is a request's identity: merchant, key, operation and fingerprint. Copies share it.
type intent struct {
	Request
	ident uint8 // merchant and key
}

// machine makes the steps of one configuration.
type machine struct {
	Config
	intents []intent
	idents  int
	of      [maxRequest]uint8 // a request's intent
	n       int               // requests; the background processes follow
	all     int

	free, slow, faults bool // which classes of steps are wanted
	raw                bool // without symmetry reduction
	symmetries         []symmetry
	from               *postgres // what the step begins with
	out                []edge
}

// edge is a step and the world behind it.
type edge struct {
	key key
	act action
}

func newMachine(cfg Config) *machine {
	m := &machine{Config: cfg, n: len(cfg.Requests), all: len(cfg.Requests) + replicas}
	idents := map[[2]uint8]uint8{}
	for r, req := range cfg.Requests {
		name := [2]uint8{req.Merchant, req.Key}
		if _, known := idents[name]; !known {
			idents[name] = uint8(len(idents))
		}
		m.of[r] = m.intent(intent{req, idents[name]})
	}
	m.idents = len(idents)
	m.symmetries = m.findSymmetries()
	return m
}

func (m *machine) intent(wanted intent) uint8 {
	for j, known := range m.intents {
		if known == wanted {
			return uint8(j)
		}
	}
	m.intents = append(m.intents, wanted)
	return uint8(len(m.intents) - 1)
}

// start is the world before anything was sent.
func (m *machine) start() world {
	var w world
	for p := range m.all {
		m.rest(&w, p)
	}
	return w
}

// rest is a process that does nothing. Two copies of a request differ in nothing then.
func (m *machine) rest(w *world, p int) {
	if p < m.n {
		w.procs[p] = process{intent: m.of[p]}
	} else {
		w.procs[p] = process{on: uint8(p - m.n)}
	}
}

func (m *machine) ident(p *process) uint8 { return m.intents[p.intent].ident }

// name is the Redis key of an identity (valueCodec.recordName).
func (m *machine) name(ident uint8) uint8 {
	if m.Sabotage == MerchantMissingInRedisKey {
		return 0
	}
	return ident
}

// same compares fingerprints (NewFingerprint).
func (m *machine) same(a, b uint8) bool {
	x, y := m.intents[a], m.intents[b]
	return x.Body == y.Body && (x.Path == y.Path || m.Sabotage == PathMissingInFingerprint)
}

// rivals pay the same order.
func (m *machine) rivals(a, b uint8) bool {
	x, y := m.intents[a], m.intents[b]
	return !x.Local && !y.Local && x.Merchant == y.Merchant && x.Order == y.Order
}
