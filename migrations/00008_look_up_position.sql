-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Where the next look-up in the provider's list goes on, when the last one could not read all of it. Opaque: the
-- provider's client makes it. A version that doesn't know it begins anew.
ALTER TABLE provider_attempts ADD COLUMN look_up_position text;

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
ALTER TABLE provider_attempts DROP COLUMN look_up_position;
