-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- +include engine

-- For the tables of later files, whose rows are never changed.
-- +goose StatementBegin
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% refuses this change (trigger %)', TG_TABLE_NAME, TG_NAME
    USING ERRCODE = '23514', CONSTRAINT = 'append_only', TABLE = TG_TABLE_NAME;
END $$;
-- +goose StatementEnd

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE idempotency_keys;
DROP FUNCTION IF EXISTS idempotency_keys_refuse(); -- databases of early builds have none
DROP FUNCTION append_only();
