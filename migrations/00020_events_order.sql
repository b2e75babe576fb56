-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Events are read oldest first without skipping one. Neither ids nor times allow that: a transaction that took its id first may
-- commit last. What a reader can know is which transactions have ended: those below the oldest one that still runs. So the order
-- is by transaction, and above it by epoch, because numbers of transactions begin again: a failover that lost the
-- last commits hands their numbers out once more (on another timeline), and a dump that is loaded into another server meets other numbers.
CREATE TABLE event_logs (
  moves      integer     NOT NULL,                    -- how often the log had been found in another server than before
  server     bigint      NOT NULL,                    -- the system identifier of the one that it was in then
  cursor_key uuid        NOT NULL,                    -- the same in all rows: cursors are kept for ever, so it is never rotated
  since      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT event_logs_pkey  PRIMARY KEY (moves),
  CONSTRAINT event_logs_moves CHECK (moves >= 0)
);
INSERT INTO event_logs (moves, server, cursor_key) SELECT 0, system_identifier, gen_random_uuid() FROM pg_control_system();

-- The timeline is in the first 8 hex digits of the current WAL file's name (PostgreSQL manual, 9.28.3).
-- +goose StatementBegin
CREATE FUNCTION event_epoch() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT (max(moves)::bigint << 32) + ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint FROM event_logs
$$;
-- +goose StatementEnd

-- A constant default first: it rewrites no row. Events that exist were committed before all that follow.
ALTER TABLE events ADD COLUMN epoch bigint NOT NULL DEFAULT 0, ADD COLUMN xact bigint NOT NULL DEFAULT 0;
ALTER TABLE events ALTER COLUMN epoch SET DEFAULT event_epoch(), ALTER COLUMN xact SET DEFAULT pg_current_xact_id()::text::bigint;
-- Its index is built in a migration of its own, while writes go on.

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP INDEX IF EXISTS events_order;
ALTER TABLE events DROP COLUMN epoch, DROP COLUMN xact;
DROP FUNCTION event_epoch();
DROP TABLE event_logs;
