// Package tracing makes the spans of OpenTelemetry out of what the engine, the stores' clients, the middleware and the jobs
// report, and sends them to a collector over OTLP (HTTP with protobuf). Nothing but this package and the wiring knows
// OpenTelemetry: each of the others defines a small interface of standard types, and without a collector none of them is given one.
//
// What a span may hold: names and labels from constant lists, routes as patterns, ids that payonce made itself (of a request, an
// API key, a delivery), counts and statuses. Never a header, a path, a query, a body, a key's value, an SQL text or parameter, an
// address of a receiver, nor the text of an error: each of them can hold a secret or what a client wrote.
//
// What a client sends of W3C Trace Context is its trace's id, its span's id and whether it samples. Its tracestate and
// baggage, which can hold any text, are neither read nor passed on.
//
// A collector that is slow or away delays no request: spans wait in a bounded queue, and what finds it full is dropped.
package tracing
