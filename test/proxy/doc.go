// Package proxy stands between a process and its PostgreSQL, its Redis or its HTTP peer, on a loopback port. It
// understands enough of what is said there to break it at a chosen moment: a COMMIT that never arrives, one whose answer
// is lost, a reply that belongs to another key, a response that ends in the middle. It counts what it broke, and how
// often the client spoke (round trips). It never sends anything twice.
//
//	pg, err := proxy.NewPostgres(ctx, databaseURL) // databaseURL leads to a unix socket or a TCP address
//	start(pg.URL())                                // give this to the process instead
//	lost := pg.Arm(proxy.Fault{Kind: proxy.CutAfterCommit, Match: "INSERT INTO payments"})
//	... lost.Hits() == 1
//	pg.Close()                                     // waits for its goroutines; the end of ctx ends them, too
//
// # Moments
//
// A [Fault] is armed for the next moments of its [Kind], for one by default, until they came or it is disarmed.
//
//	CutRequest      the client speaks: Bytes of it pass, then both connections are reset
//	HoldRequest     the client speaks: it waits until Release
//	CutReply        the server answers: Bytes of it pass, then both connections are reset. With 0 it acted, the reply is lost
//	HoldReply       the server answers: the answer waits until Release
//
//	CutBeforeCommit Postgres: what precedes it in the batch passes, COMMIT doesn't; the server rolls back
//	HoldCommit      Postgres: COMMIT waits until Release
//	CutAfterCommit  Postgres: the server has committed; Bytes of its answer to COMMIT pass
//
//	Strand          Postgres: Statements of a batch pass, the rest never comes, and the server's connection stays open until
//	                Release, whatever becomes of the client. More than the batch has: all but its end (Sync) passes
//
//	SwapReply       Redis: a GET gets another key's value, the longest that was seen lately
//	TruncateReply   Redis: a GET gets its value without the last byte
//	AlterReply      Redis: a GET gets its value with one bit changed
//
// What the client says until it is answered is one request, with pipelining also several. Match narrows a fault down to
// requests that contain a text: for HTTP the head ("POST /v1/payments"), for Redis commands in upper case with their keys
// ("SET idem:..."), for Postgres the SQL of the transaction so far, whether it was prepared before or not.
//
// # States
//
// Refuse, BlackHole and Latency last until they are ended; ResetAll happens now.
package proxy
