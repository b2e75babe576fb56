// Package demopage is the demo page: a shop's checkout in the browser, and beside it what really happens in the service.
//
// Nothing that it shows is painted. Its checkout sends requests to payonce's own handlers, and the same clicks to the plain
// service of package naive, and the page draws what an observer of the engine tells while they run. Charges are counted in the
// provider's book and nowhere else.
//
// # What is real, and what is arranged
//
//	the shop's requests    go through an engine of their own, over the service's stores, with a lease of seconds instead of half
//	                       a minute, so that a crash heals while one watches, and without the local cache: a replay comes from
//	                       Redis or PostgreSQL, as at any other replica
//	crash                  when the provider has answered, the work panics with [http.ErrAbortHandler]: the connection breaks and
//	                       nothing more is written, as if the process had been killed. The claim stays, and ends with its lease;
//	                       a retry or the service's own recovery takes it over
//	slow provider          a payment method of the simulator's
//	lost answer            the browser hangs up while the provider is asked
//	flushed Redis          FLUSHALL
//
// # Who may use it
//
// The page acts for the demo merchant, so it exists only where everything is embedded and the address is a loopback one (setting
// DEMO). The merchant's API key never reaches it: a session stands in for the key, and opens nothing but the routes below /demo.
// A request must name a loopback host, so that no other name can be made to point here (DNS rebinding), must carry no trace of a
// proxy, and must not come from another site.
package demopage
