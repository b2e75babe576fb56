-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- The record of each idempotency key: this table, not Redis, decides who executes.
CREATE TABLE idempotency_keys (
  merchant_id   uuid        NOT NULL,                 -- no foreign key: it would lock the merchant every time
  key_hash      bytea       NOT NULL,                 -- SHA-256 of the client's key
  fingerprint   bytea       NOT NULL,                 -- version byte, SHA-256 of the request
  method        text        NOT NULL,
  path          text        NOT NULL,
  state         text        NOT NULL,
  operation     text,                                 -- what recovery resumes; NULL: effects in this database only
  claim_id      uuid        NOT NULL,                 -- new at INSERT and at each takeover
  fence         bigint      NOT NULL DEFAULT 1,
  lease_until   timestamptz,
  resource_type text,
  resource_id   uuid,
  status        smallint,
  headers       jsonb,
  body          bytea,                                -- bytes, not jsonb: a replay is the same bytes
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  completed_at  timestamptz,
  expires_at    timestamptz,
  CONSTRAINT idempotency_keys_pkey        PRIMARY KEY (merchant_id, key_hash),
  CONSTRAINT idempotency_keys_key_hash    CHECK (octet_length(key_hash) = 32),
  CONSTRAINT idempotency_keys_fingerprint CHECK (octet_length(fingerprint) = 33),
  CONSTRAINT idempotency_keys_state       CHECK (state IN ('in_progress', 'completed', 'expired')),
  CONSTRAINT idempotency_keys_operation   CHECK (operation IN ('authorize', 'capture', 'refund', 'void')),
  CONSTRAINT idempotency_keys_fence       CHECK (fence > 0),
  -- Only outcomes are stored: a 5xx, 409 or 422 in here would be replayed for a day.
  CONSTRAINT idempotency_keys_status      CHECK (status IS NULL OR status BETWEEN 200 AND 299 OR status = 402),
  CONSTRAINT in_progress_has_lease        CHECK ((state = 'in_progress') = (lease_until IS NOT NULL)),
  CONSTRAINT completed_has_response       CHECK (state <> 'completed' OR (status IS NOT NULL AND body IS NOT NULL
                                                 AND completed_at IS NOT NULL AND expires_at IS NOT NULL)),
  CONSTRAINT expired_is_tombstone         CHECK (state <> 'expired' OR (body IS NULL AND headers IS NULL
                                                 AND completed_at IS NOT NULL))
) WITH (
  fillfactor = 80,                                    -- room on the page for the one update that completes a record
  -- The table that grows and shrinks most. The default (a fifth of the rows dead) would mean millions of them.
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
  toast.autovacuum_vacuum_scale_factor = 0.02
);
-- Each job's index holds only the rows that the job may want.
CREATE INDEX idempotency_keys_due        ON idempotency_keys (lease_until)  WHERE state = 'in_progress';
CREATE INDEX idempotency_keys_expired    ON idempotency_keys (expires_at)   WHERE state = 'completed';
CREATE INDEX idempotency_keys_tombstones ON idempotency_keys (completed_at) WHERE state = 'expired';

-- +goose StatementBegin
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% refuses this change (trigger %)', TG_TABLE_NAME, TG_NAME
    USING ERRCODE = '23514', CONSTRAINT = 'append_only', TABLE = TG_TABLE_NAME;
END $$;
-- +goose StatementEnd

-- The only arrows: in_progress to itself (a takeover) or to completed, never with a lower fence; completed to expired.
CREATE TRIGGER idempotency_arrow BEFORE UPDATE ON idempotency_keys FOR EACH ROW WHEN (NOT (
  (OLD.state = 'in_progress' AND NEW.state <> 'expired' AND NEW.fence >= OLD.fence)
  OR (OLD.state = 'completed' AND NEW.state = 'expired')))
  EXECUTE FUNCTION append_only();
-- A stored outcome becomes a tombstone first. In progress may go: taken back, nothing happened.
CREATE TRIGGER idempotency_kept BEFORE DELETE ON idempotency_keys FOR EACH ROW WHEN (OLD.state = 'completed')
  EXECUTE FUNCTION append_only();

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE idempotency_keys;
DROP FUNCTION append_only();
