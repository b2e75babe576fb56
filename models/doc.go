// Package models holds the rows of the database as GORM models, and the rules of the domain as their methods: which
// state may follow which, what an order or a payment still allows, how money is added, how ids and API keys read.
//
// It knows no SQL and no HTTP. A rule that Postgres can state is a named constraint in migrations/, too; the rule here
// exists to answer before a transaction is wasted, the constraint exists because code can be wrong.
//
// Field names are the CamelCase of the columns. A column that may be NULL is a pointer, or a slice without the tag
// "not null"; a test compares all of it with a migrated database, in both directions. Times that a field leaves zero are
// stamped by Postgres, whose clock is the only one that all replicas share.
package models
