-- +goose NO TRANSACTION
-- +goose Up
-- Payments that wait for their customer are few, and looked for every few seconds: which of them wait too long, and since when the oldest.
DROP INDEX CONCURRENTLY IF EXISTS payments_waiting;
CREATE INDEX CONCURRENTLY payments_waiting ON payments (created_at) WHERE status = 'requires_action';

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS payments_waiting;
