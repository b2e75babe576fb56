// Package safeurl keeps the passwords in addresses out of logs and errors. It is the one place that knows how.
//
// A password with a character that has a meaning in a URL makes an address whose host, path or parameter is a part of the
// password, and clients show those when they can't connect. So an address is checked before anything is dialled: [Postgres],
// [Redis] and [HTTP] follow the grammar of the client that will read it, refuse what could be such a mistake, and never
// quote it. What passes holds its password nowhere but where the client looks for one, and [Redact] strikes that out of
// whatever a server, a driver or a library says.
package safeurl
