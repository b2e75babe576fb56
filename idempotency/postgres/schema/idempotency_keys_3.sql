-- Version 3: a stored response may be sealed.

-- Whether body is sealed (package idempotency/seal says how), and why: 'response' where the service seals all of them, 'secret' where the
-- response shows a secret, which no cache may keep. NULL: body is what was sent.
ALTER TABLE idempotency_keys ADD COLUMN sealed text;
-- NOT VALID: no row breaks it, and to look at all of them would stop every request for as long.
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_sealed CHECK (sealed IN ('response', 'secret')) NOT VALID;

-- The same arrows. The mark that a key was given up leaves the new column as it is, too.
DROP TRIGGER idempotency_arrow ON idempotency_keys;
CREATE TRIGGER idempotency_arrow BEFORE UPDATE ON idempotency_keys FOR EACH ROW WHEN (NOT (
  (OLD.state = 'in_progress' AND NEW.state <> 'expired' AND NEW.fence >= OLD.fence)
  OR (OLD.state = 'completed' AND NEW.state = 'expired' AND NEW.canceled_at IS NOT DISTINCT FROM OLD.canceled_at)
  OR (OLD.state <> 'in_progress' AND OLD.canceled_at IS NULL AND NEW.canceled_at IS NOT NULL
    AND (NEW.state, NEW.status, NEW.headers, NEW.body, NEW.sealed, NEW.completed_at, NEW.expires_at, NEW.resource_type, NEW.resource_id, NEW.fingerprint)
      IS NOT DISTINCT FROM
      (OLD.state, OLD.status, OLD.headers, OLD.body, OLD.sealed, OLD.completed_at, OLD.expires_at, OLD.resource_type, OLD.resource_id, OLD.fingerprint))))
  EXECUTE FUNCTION idempotency_keys_refuse();
