// Command dbos is a baseline of the benchmarks: DBOS Transact for Go, github.com/dbos-inc/dbos-transact-golang v1.8.0, behind Gin. The
// idempotency key is the workflow's id, and the handler waits for the workflow's result. It is a module of its own, so that the
// service's go.mod doesn't need DBOS.
//
//	POST /notes     one RunAsStep that makes one row through GORM
//	POST /notes-tx  one RunAsTransaction that makes the same row in SQL
//	POST /external  three RunAsStep through GORM and HTTP: a row, a call to CHARGE_URL, the row's change
//
// Each reads {"text":"..."} and answers 201. DATABASE_URL is the application's database, with the tables notes and tickets.
// DBOS_DATABASE_URL is DBOS's system database, made if it doesn't exist. Without it the system's tables lie in DATABASE_URL, and DBOS
// and the handlers share one pool: RunAsTransaction then needs one transaction instead of two. ADDR and ADMIN_ADDR are its listeners.
//
// # What DBOS does
//
// RunWorkflow commits the workflow's row and its input, or finds that they exist. RunAsStep looks for the step's recorded result, runs
// the function and commits the result. At the end the workflow's output is committed. RunAsTransaction writes a row of
// transaction_completion in the transaction of the function, or the step's result if the pool is shared.
//
// Launch puts workflows that a crash interrupted into a queue, from which they run again (ReenqueueForRecovery): those of the same
// ExecutorID (DBOS__VMID, "local" by default) and the same application version, which by default is made of the program's checksum.
//
// # What it does not guarantee
//
//   - One execution of a step. RunAsStep is documented as at-least-once: a crash between the function and the commit of its result runs
//     the function again: /notes leaves two rows; /external leaves two tickets, or calls twice with the same key. What
//     RunAsTransaction writes is there once.
//   - One execution beside a living process. Recovery doesn't look whether the executor still runs: a second process with the same
//     ExecutorID and version runs again what the first has not recorded yet. Give each process a DBOS__VMID of its own. Then a dead
//     process's workflows wait until one with its DBOS__VMID starts, or for the Conductor, a service beside the library.
//   - One request per key. RunWorkflow returns the recorded result and ignores the new input. Another workflow with the same id is
//     refused by ErrUnexpectedWorkflow; here that is 422.
//   - A second try after an error. A step's error ends the workflow (WithStepMaxRetries is 0 by default) and is recorded as its result:
//     each later copy gets it, also if the cause was a database that was away for a moment.
//   - A quick answer to a copy that comes while the first request runs. GetResult then asks the database every
//     WithHandlePollingInterval, by default one second, which is what runs here.
//   - The response. The workflow's return value is recorded; status and headers are made again.
//   - An end of a key's life. Nothing in the library deletes workflows but a call of DeleteWorkflows.
package main
