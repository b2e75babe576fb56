// Package wire holds the documents that clients see: what the API answers with, made from rows.
//
// They are not the table's structs: a column is added or renamed without a client noticing, and nothing that clients
// have no business with (provider keys, versions, another merchant's id) can slip out.
package wire
