-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- +include engine 3

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
-- The release before this one would replay what is sealed as if it were the response.
-- +goose StatementBegin
DO $$ BEGIN
  IF EXISTS (SELECT FROM idempotency_keys WHERE sealed IS NOT NULL AND state = 'completed') THEN
    RAISE EXCEPTION 'sealed responses are stored: wait until IDEMPOTENCY_RETENTION is over for them'
      USING ERRCODE = '55000';
  END IF;
END $$;
-- +goose StatementEnd
DROP TRIGGER idempotency_arrow ON idempotency_keys;
ALTER TABLE idempotency_keys DROP COLUMN sealed; -- idempotency_keys_sealed goes with it
CREATE TRIGGER idempotency_arrow BEFORE UPDATE ON idempotency_keys FOR EACH ROW WHEN (NOT (
  (OLD.state = 'in_progress' AND NEW.state <> 'expired' AND NEW.fence >= OLD.fence)
  OR (OLD.state = 'completed' AND NEW.state = 'expired' AND NEW.canceled_at IS NOT DISTINCT FROM OLD.canceled_at)
  OR (OLD.state <> 'in_progress' AND OLD.canceled_at IS NULL AND NEW.canceled_at IS NOT NULL
    AND (NEW.state, NEW.status, NEW.headers, NEW.body, NEW.completed_at, NEW.expires_at, NEW.resource_type, NEW.resource_id, NEW.fingerprint)
      IS NOT DISTINCT FROM
      (OLD.state, OLD.status, OLD.headers, OLD.body, OLD.completed_at, OLD.expires_at, OLD.resource_type, OLD.resource_id, OLD.fingerprint))))
  EXECUTE FUNCTION idempotency_keys_refuse();
