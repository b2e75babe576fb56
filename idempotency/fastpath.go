package idempotency

import "context"

// LookupResult is what the fast path says about a request.
type LookupResult struct {
	Admission Admission
	Record    *Record  // a completed value that authenticated itself; nil on a miss
	InFlight  bool     // another request set its marker less than a second ago
	Marker    [16]byte // this request's own; zero if none
	// Unseen says that the key is most likely new: the marker is this request's own and nothing stood in its place, or the fast path has taken
	// the key for new without asking. It proves nothing, and the store decides as ever; it only is asked in the way that suits a new key.
	Unseen bool
	// Assumed says that the key was not looked up although it could have been. WasKnown follows if that was wrong.
	Assumed bool
}

// FastPath is asked before the store, to save it work. It may refuse and it may replay; it never grants.
//
// Obligations. No method blocks longer than its own time-outs, and none returns an error: a fast path that is away
// lets everything through to the store. Values it returns have been verified.
type FastPath interface {
	// Admit counts a request against the limiter inside the process only.
	Admit(limiter string) Admission
	// LookupAndMark counts the request against the shared limiter, looks the key up and sets an in-flight marker, in one round trip. It
	// may take the key of a request that is not Repeated for new instead, and says so in the result.
	LookupAndMark(ctx context.Context, req Request) LookupResult
	// Lookup counts the request, too, and looks the key up, but leaves no marker: the request will not execute.
	Lookup(ctx context.Context, req Request) LookupResult
	// WasKnown says that a key of this tenant is known, or in use, which LookupAndMark has taken for new without looking it up. While the
	// store is asked first, because the fast path didn't know what the store knew, it is not said of what is found there.
	WasKnown(tenant Tenant)
	// Publish offers a completed record, replacing a marker, and returns as soon as it is known to stand, or cannot.
	Publish(ctx context.Context, rec *Record)
	// ReleaseMarker removes the marker if it is still this request's own.
	ReleaseMarker(ctx context.Context, req Request, marker [16]byte)
}

// noFastPath lets everything through, and leaves it to the store whether a key is known.
type noFastPath struct{}

func (noFastPath) Admit(string) Admission { return Admission{Allowed: true} }
func (noFastPath) LookupAndMark(context.Context, Request) LookupResult {
	return LookupResult{Admission: Admission{Allowed: true}}
}

func (noFastPath) Lookup(context.Context, Request) LookupResult {
	return LookupResult{Admission: Admission{Allowed: true}}
}
func (noFastPath) WasKnown(Tenant)                                  {}
func (noFastPath) Publish(context.Context, *Record)                 {}
func (noFastPath) ReleaseMarker(context.Context, Request, [16]byte) {}

// AssumeNew is the fast path of a service without a cache that several processes share: it lets everything through, and takes each key for
// new. Most are, and a first request saves a round trip; where a tenant's key is not, its keys are looked up first for a while.
type AssumeNew struct{ noFastPath }

var _ FastPath = AssumeNew{}

// LookupAndMark implements [FastPath].
func (AssumeNew) LookupAndMark(context.Context, Request) LookupResult {
	return LookupResult{Admission: Admission{Allowed: true}, Unseen: true}
}
