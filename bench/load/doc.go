// Package load sends prepared HTTP/1.1 requests over kept-alive connections with as little work of its own as can be: it
// shares the machine with the service that it measures, so what it costs looks like the service's cost.
//
// [Closed] keeps every connection busy, which measures throughput. [Open] sends at a fixed rate whatever the answers do,
// which measures what a client waits: an answer that comes late delays no other request's clock.
package load
