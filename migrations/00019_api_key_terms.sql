-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- What a key is for, and whether it moves real money. Keys that exist keep all scopes ('*') and their prefix, sk_test_.
ALTER TABLE api_keys
  ADD COLUMN name text    NOT NULL DEFAULT '',
  ADD COLUMN live boolean NOT NULL DEFAULT false,     -- sk_live_ instead of sk_test_
  ADD CONSTRAINT api_keys_name CHECK (length(name) <= 100 AND name !~ '[[:cntrl:]]');

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
ALTER TABLE api_keys DROP COLUMN name, DROP COLUMN live; -- api_keys_name goes with it
