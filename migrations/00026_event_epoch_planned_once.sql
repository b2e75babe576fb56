-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- The same answer for a fifth of the time: each INSERT of an event asks for it, and a function in SQL is parsed and planned at each call, one
-- in PL/pgSQL once per session. It is a new function, and the old one stays, under another name, for statements that are under way: such a
-- statement knows already which language it calls, and would read the new text as the old language ("syntax error at or near RETURN").
ALTER FUNCTION event_epoch() RENAME TO event_epoch_before;
-- +goose StatementBegin
CREATE FUNCTION event_epoch() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT max(moves)::bigint << 32 FROM event_logs) + ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint;
END $$;
-- +goose StatementEnd
ALTER TABLE events ALTER COLUMN epoch SET DEFAULT event_epoch();

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP FUNCTION IF EXISTS event_epoch_before(); -- not there where this file was applied when it replaced the function in place
ALTER FUNCTION event_epoch() RENAME TO event_epoch_planned;
-- +goose StatementBegin
CREATE FUNCTION event_epoch() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT (max(moves)::bigint << 32) + ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint FROM event_logs
$$;
-- +goose StatementEnd
ALTER TABLE events ALTER COLUMN epoch SET DEFAULT event_epoch();
DROP FUNCTION event_epoch_planned();
