// Package check finds out whether payonce kept its promise, after a run in which everything was allowed to fail. It
// reads what the clients saw (a history), PostgreSQL, Redis, the provider's charges, the list of faults and the service's
// logs, and holds them against each other. It shares no code with what it checks: it reads the formats that are written
// down.
//
// What has to hold in every case, see [Rule] for the names under which it is reported:
//
//   - one key has one effect: one payment, one charge, one answer (status, bytes, replayed headers) among 2xx and 402;
//   - an answer that a client saw was committed before, byte for byte, and stays the answer;
//   - our payments and the provider's charges are the same set with the same amounts; the ledger agrees with both;
//   - nothing stays in progress longer than the bound, counted from the end of the faults;
//   - no merchant sees anything of another merchant; nothing but outcomes is stored or cached; no secret stands in a log;
//   - while clients ask, some of them are served again within five seconds of each fault's end.
//
// A request without an answer, and one answered with a 5xx, may or may not have had its effect; nothing is concluded
// from it. The same is true of a history whose client sends requests again by itself: it must not.
//
// What is read once is streamed; memory grows with the number of keys and resources, not with the number of requests.
package check
