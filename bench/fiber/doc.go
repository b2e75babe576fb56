// Command fiber is a baseline of the benchmarks: Fiber v3.1.0 with its own middleware/idempotency, whose responses are stored in Redis by
// github.com/gofiber/storage/redis/v3 v3.4.3. It is a module of its own, so that the service's go.mod doesn't need Fiber.
//
//	POST /notes  reads {"text":"..."}, makes one row through GORM, answers 201
//
// DATABASE_URL and REDIS_URL are its stores, ADDR and ADMIN_ADDR its listeners. The table notes exists before it starts.
//
// # What the middleware does
//
// idempotency.New reads the key from Redis, takes Config.Lock, reads again, runs the handler, stores the response by SetWithContext for
// Config.Lifetime, and sends it.
//
// # What it does not guarantee
//
//   - One execution across processes. Config.Lock is idempotency.MemoryLock: Fiber has no other, and the storage package has none for
//     Redis. Two processes that get copies at the same time both run the handler.
//   - One execution across a crash. The response is stored after the handler's COMMIT. A process that ends in between leaves a row and
//     no record; a retry makes a second row.
//   - One execution when Redis fails. If SetWithContext fails after the handler, the client gets 500 although the row is there, and a
//     retry makes a second row. What Redis evicts or loses is executed again, too.
//   - One request per key. Only the header's value names the record: not the body, the method, the path or the client. Another request
//     with the same key gets the first one's response.
//   - A key on every request. A request without the header runs unprotected.
//   - A bound on waiting. MemoryLock.Lock takes no context: a copy waits for as long as the first request runs.
//
// If Redis can't be read, the request fails before the handler runs. A handler that returns an error leaves no record.
package main
