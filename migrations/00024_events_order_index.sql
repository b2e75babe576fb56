-- +goose NO TRANSACTION
-- +goose Up
-- Built while writes go on. One that broke off is there, but not valid: it goes first.
DROP INDEX CONCURRENTLY IF EXISTS events_order;
CREATE INDEX CONCURRENTLY events_order ON events (merchant_id, epoch, xact, id);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS events_order;
