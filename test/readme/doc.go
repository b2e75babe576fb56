// Package readme does what the documents say: it pastes their commands, compares their tables and snippets with the
// code, and follows their links. It holds tests only.
package readme
