-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- +include engine 4

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TRIGGER idempotency_guard ON idempotency_keys;
DROP FUNCTION idempotency_keys_guard();
CREATE TRIGGER idempotency_arrow BEFORE UPDATE ON idempotency_keys FOR EACH ROW WHEN (NOT (
  (OLD.state = 'in_progress' AND NEW.state <> 'expired' AND NEW.fence >= OLD.fence)
  OR (OLD.state = 'completed' AND NEW.state = 'expired' AND NEW.canceled_at IS NOT DISTINCT FROM OLD.canceled_at)
  OR (OLD.state <> 'in_progress' AND OLD.canceled_at IS NULL AND NEW.canceled_at IS NOT NULL
    AND (NEW.state, NEW.status, NEW.headers, NEW.body, NEW.sealed, NEW.completed_at, NEW.expires_at, NEW.resource_type, NEW.resource_id, NEW.fingerprint)
      IS NOT DISTINCT FROM
      (OLD.state, OLD.status, OLD.headers, OLD.body, OLD.sealed, OLD.completed_at, OLD.expires_at, OLD.resource_type, OLD.resource_id, OLD.fingerprint))))
  EXECUTE FUNCTION idempotency_keys_refuse();
ALTER TABLE idempotency_keys
  ADD CONSTRAINT idempotency_keys_key_hash    CHECK (octet_length(key_hash) = 32) NOT VALID,
  ADD CONSTRAINT idempotency_keys_fingerprint CHECK (octet_length(fingerprint) = 33) NOT VALID,
  ADD CONSTRAINT idempotency_keys_state       CHECK (state IN ('in_progress', 'completed', 'expired')) NOT VALID,
  ADD CONSTRAINT idempotency_keys_operation   CHECK (operation ~ '^[a-z][a-z0-9_.-]{0,62}$') NOT VALID,
  ADD CONSTRAINT idempotency_keys_fence       CHECK (fence > 0) NOT VALID,
  ADD CONSTRAINT idempotency_keys_status      CHECK (status IS NULL OR status BETWEEN 200 AND 299 OR status = 402) NOT VALID,
  ADD CONSTRAINT idempotency_keys_sealed      CHECK (sealed IN ('response', 'secret')) NOT VALID,
  ADD CONSTRAINT in_progress_has_lease        CHECK ((state = 'in_progress') = (lease_until IS NOT NULL)) NOT VALID,
  ADD CONSTRAINT completed_has_response       CHECK (state <> 'completed' OR (status IS NOT NULL AND body IS NOT NULL
                                                AND completed_at IS NOT NULL AND expires_at IS NOT NULL)) NOT VALID,
  ADD CONSTRAINT canceled_has_ended           CHECK (canceled_at IS NULL OR state <> 'in_progress') NOT VALID,
  ADD CONSTRAINT expired_is_tombstone         CHECK (state <> 'expired' OR (body IS NULL AND headers IS NULL
                                                AND completed_at IS NOT NULL)) NOT VALID;
