// Package demo shows, in a terminal and in a few seconds, what happens to a customer's money when a payment is sent twice:
// with payonce, and with the payments service that most teams write first.
//
// Nothing on the stage is painted. Two replicas of payonce (`serve`) and two of the plain service (`naive`) run as
// processes of their own, made from the running binary, on a private PostgreSQL and Redis; what is killed is killed with
// SIGKILL. One provider, the simulator, charges for both, and a scene is judged by the provider's book alone
// (GET /simulator/charges), because a service's own tables are what is in doubt.
//
// Each scene is one script that is played twice, against the plain service and against payonce. Scripts wait for what
// they need to have happened (a charge in the book, an answer), never for time: the provider's answers pass through a
// barrier that a script closes, so that "while the first is in flight" and "killed between charge and commit" happen each time.
//
// Everything lies in one temporary folder, which is removed at the end, after Ctrl-C, and also when this process is killed.
package demo
