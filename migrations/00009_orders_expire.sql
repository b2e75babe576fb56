-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Until when an order can be paid; NULL: for ever. NOT VALID: the rows that are there have none, so nothing has to be read.
ALTER TABLE orders ADD COLUMN expires_at timestamptz;
ALTER TABLE orders ADD CONSTRAINT orders_expires_later CHECK (expires_at > created_at) NOT VALID;

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
ALTER TABLE orders DROP CONSTRAINT orders_expires_later;
ALTER TABLE orders DROP COLUMN expires_at;
