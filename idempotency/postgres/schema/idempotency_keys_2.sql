-- Version 2: a client may give up on a key.

-- When the key was given up. A key that no request had used is spent: a tombstone without a status, which never had a response. One that
-- had been used keeps its outcome and its replays, and what its request did was undone at this time.
ALTER TABLE idempotency_keys ADD COLUMN canceled_at timestamptz;
-- NOT VALID: no row breaks it, and to look at all of them would stop every request for as long.
ALTER TABLE idempotency_keys ADD CONSTRAINT canceled_has_ended CHECK (canceled_at IS NULL OR state <> 'in_progress') NOT VALID;

-- Databases of early builds have it under another name.
CREATE OR REPLACE FUNCTION idempotency_keys_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% refuses this change (trigger %)', TG_TABLE_NAME, TG_NAME
    USING ERRCODE = '23514', CONSTRAINT = 'append_only', TABLE = TG_TABLE_NAME;
END $$;

-- One arrow more: what has ended may be marked as given up, once, and nothing else of it changes.
DROP TRIGGER idempotency_arrow ON idempotency_keys;
CREATE TRIGGER idempotency_arrow BEFORE UPDATE ON idempotency_keys FOR EACH ROW WHEN (NOT (
  (OLD.state = 'in_progress' AND NEW.state <> 'expired' AND NEW.fence >= OLD.fence)
  OR (OLD.state = 'completed' AND NEW.state = 'expired' AND NEW.canceled_at IS NOT DISTINCT FROM OLD.canceled_at)
  OR (OLD.state <> 'in_progress' AND OLD.canceled_at IS NULL AND NEW.canceled_at IS NOT NULL
    AND (NEW.state, NEW.status, NEW.headers, NEW.body, NEW.completed_at, NEW.expires_at, NEW.resource_type, NEW.resource_id, NEW.fingerprint)
      IS NOT DISTINCT FROM
      (OLD.state, OLD.status, OLD.headers, OLD.body, OLD.completed_at, OLD.expires_at, OLD.resource_type, OLD.resource_id, OLD.fingerprint))))
  EXECUTE FUNCTION idempotency_keys_refuse();
