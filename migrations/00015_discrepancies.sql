-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- What a finding is about, what a person decided about it, and how often it has changed.
ALTER TABLE discrepancies
  ADD COLUMN operation       text,                    -- with operation_id; NULL: none of ours, or found by an earlier release
  ADD COLUMN operation_id    uuid,
  ADD COLUMN decision        text,
  ADD COLUMN decision_reason text,
  ADD COLUMN decided_by      text,                    -- id of the API key
  ADD COLUMN decided_at      timestamptz,
  ADD COLUMN version         integer NOT NULL DEFAULT 1,
  ADD CONSTRAINT discrepancies_operation CHECK (operation IN ('authorize', 'capture', 'refund', 'void')),
  ADD CONSTRAINT discrepancies_decision  CHECK (decision IN ('accept_provider_state', 'mark_failed', 'noted')),
  ADD CONSTRAINT discrepancies_decided   CHECK ((decision IS NULL) = (decision_reason IS NULL)
    AND (decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_at IS NULL));
CREATE INDEX discrepancies_cursor ON discrepancies (merchant_id, found_at DESC, id DESC);
CREATE INDEX discrepancies_payment ON discrepancies (merchant_id, payment_id);

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP INDEX discrepancies_payment;
DROP INDEX discrepancies_cursor;
ALTER TABLE discrepancies
  DROP COLUMN operation, DROP COLUMN operation_id, DROP COLUMN decision, DROP COLUMN decision_reason, DROP COLUMN decided_by,
  DROP COLUMN decided_at, DROP COLUMN version;
