-- +goose NO TRANSACTION
-- +goose Up
-- Events and ledger entries are listed newest first, and between two times; entries in a rare currency are found by their postings.
-- Without them all rows of a merchant are sorted for each page.
DROP INDEX CONCURRENTLY IF EXISTS events_cursor;
CREATE INDEX CONCURRENTLY events_cursor ON events (merchant_id, created_at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS ledger_entries_cursor;
CREATE INDEX CONCURRENTLY ledger_entries_cursor ON ledger_entries (merchant_id, created_at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS ledger_postings_currency;
CREATE INDEX CONCURRENTLY ledger_postings_currency ON ledger_postings (merchant_id, currency, entry_id);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS ledger_postings_currency;
DROP INDEX CONCURRENTLY IF EXISTS ledger_entries_cursor;
DROP INDEX CONCURRENTLY IF EXISTS events_cursor;
