-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- The span (W3C Trace Context) of the transaction that wrote a delivery down, so that its attempts join that trace. A traced
-- transaction sets payonce.traceparent; any other leaves it empty. The column is added without its default, which would else be
-- looked up once for the rows that exist.
ALTER TABLE webhook_deliveries ADD COLUMN traceparent text;
ALTER TABLE webhook_deliveries ALTER COLUMN traceparent SET DEFAULT nullif(current_setting('payonce.traceparent', true), '');

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
ALTER TABLE webhook_deliveries DROP COLUMN traceparent;
