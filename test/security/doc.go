// Package security attacks the running service over HTTP: with forged credentials, other merchants' ids, requests that end
// in two places, bodies that burst, clients that dawdle, and texts that want to be more than text. One service takes all of
// it at once; at the end its log, its tables and its memory are looked through.
//
// Every answer, whatever the attack, is held to what all answers promise: no-store, nosniff, a request id of its own, no
// header that isn't known.
package security
