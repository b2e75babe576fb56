-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- A capture that a request asked for has a life of its own: it is pending until the provider says what became of it.
ALTER TABLE captures
  ADD COLUMN status_reason text,
  ADD COLUMN version       integer     NOT NULL DEFAULT 1,
  ADD COLUMN updated_at    timestamptz NOT NULL DEFAULT now();

CREATE TABLE refunds (
  merchant_id   uuid        NOT NULL,
  id            uuid        NOT NULL,
  payment_id    uuid        NOT NULL,
  currency      text        NOT NULL,
  key_hash      bytea,                                -- outlives the idempotency record; NULL: payonce's own
  amount        bigint      NOT NULL,
  reason        text,                                 -- the merchant's
  status        text        NOT NULL,
  status_reason text,
  version       integer     NOT NULL DEFAULT 1,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT refunds_pkey       PRIMARY KEY (merchant_id, id),
  CONSTRAINT refunds_key_uq     UNIQUE (merchant_id, key_hash),
  CONSTRAINT refunds_payment_fk FOREIGN KEY (merchant_id, payment_id, currency)
                                REFERENCES payments (merchant_id, id, currency),
  CONSTRAINT refunds_amount     CHECK (amount > 0),
  CONSTRAINT refunds_reason     CHECK (length(reason) BETWEEN 1 AND 500),
  CONSTRAINT refunds_status     CHECK (status IN ('pending', 'succeeded', 'failed', 'canceled'))
);
CREATE INDEX refunds_payment ON refunds (merchant_id, payment_id, created_at DESC, id DESC);
CREATE INDEX refunds_cursor ON refunds (merchant_id, created_at DESC, id DESC);

-- A void ends an authorization, or what is left of it, or a payment that waits for its customer.
CREATE TABLE voids (
  merchant_id   uuid        NOT NULL,
  id            uuid        NOT NULL,
  payment_id    uuid        NOT NULL,
  currency      text        NOT NULL,
  key_hash      bytea,                                -- outlives the idempotency record; NULL: payonce's own
  reason        text        NOT NULL,                 -- why: the payment's status_reason afterwards
  releases      boolean     NOT NULL,                 -- only what is left of a partly captured authorization
  status        text        NOT NULL,
  status_reason text,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT voids_pkey       PRIMARY KEY (merchant_id, id),
  CONSTRAINT voids_key_uq     UNIQUE (merchant_id, key_hash),
  CONSTRAINT voids_payment_fk FOREIGN KEY (merchant_id, payment_id, currency)
                              REFERENCES payments (merchant_id, id, currency),
  CONSTRAINT voids_status     CHECK (status IN ('pending', 'succeeded', 'failed'))
);
CREATE INDEX voids_payment ON voids (merchant_id, payment_id);

-- accepted: the provider has taken the request and ends it by itself, like a refund that a bank works on. It is not validated: old rows
-- keep to the narrower rule, and reading all of them would hold the locks of this file.
ALTER TABLE provider_attempts DROP CONSTRAINT provider_attempts_status;
ALTER TABLE provider_attempts ADD CONSTRAINT provider_attempts_status CHECK (status IN ('sent', 'succeeded', 'declined',
  'action_required', 'accepted', 'failed', 'unknown')) NOT VALID;

-- A payment's version counts what can be seen of it. A reservation (amount_capturing, amount_refunding) can't be, and has no event.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION payments_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status IS DISTINCT FROM OLD.status AND NOT EXISTS
     (SELECT 1 FROM payment_transitions t WHERE t.from_status = OLD.status AND t.to_status = NEW.status) THEN
    RAISE EXCEPTION 'illegal payment transition % -> %', OLD.status, NEW.status
      USING ERRCODE = '23514', CONSTRAINT = 'payments_transition', TABLE = TG_TABLE_NAME;
  END IF;
  -- Captured and refunded only grow: a correction is another movement, never a smaller number.
  IF (NEW.amount, NEW.currency, NEW.merchant_id, NEW.order_id)
     IS DISTINCT FROM (OLD.amount, OLD.currency, OLD.merchant_id, OLD.order_id)
     OR NEW.amount_captured < OLD.amount_captured OR NEW.amount_refunded < OLD.amount_refunded THEN
    RAISE EXCEPTION 'immutable payment field changed'
      USING ERRCODE = '23514', CONSTRAINT = 'payments_immutable', TABLE = TG_TABLE_NAME;
  END IF;
  IF (NEW.amount_capturing, NEW.amount_refunding) IS DISTINCT FROM (OLD.amount_capturing, OLD.amount_refunding)
     AND (NEW.status, NEW.status_reason, NEW.amount_authorized, NEW.amount_captured, NEW.amount_voided, NEW.amount_refunded)
     IS NOT DISTINCT FROM (OLD.status, OLD.status_reason, OLD.amount_authorized, OLD.amount_captured, OLD.amount_voided, OLD.amount_refunded) THEN
    RETURN NEW;
  END IF;
  NEW.version := OLD.version + 1;
  IF NEW.updated_at = OLD.updated_at THEN -- what a document has shown already comes with the change
    NEW.updated_at := now();
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION payments_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status IS DISTINCT FROM OLD.status AND NOT EXISTS
     (SELECT 1 FROM payment_transitions t WHERE t.from_status = OLD.status AND t.to_status = NEW.status) THEN
    RAISE EXCEPTION 'illegal payment transition % -> %', OLD.status, NEW.status
      USING ERRCODE = '23514', CONSTRAINT = 'payments_transition', TABLE = TG_TABLE_NAME;
  END IF;
  IF (NEW.amount, NEW.currency, NEW.merchant_id, NEW.order_id)
     IS DISTINCT FROM (OLD.amount, OLD.currency, OLD.merchant_id, OLD.order_id)
     OR NEW.amount_captured < OLD.amount_captured OR NEW.amount_refunded < OLD.amount_refunded THEN
    RAISE EXCEPTION 'immutable payment field changed'
      USING ERRCODE = '23514', CONSTRAINT = 'payments_immutable', TABLE = TG_TABLE_NAME;
  END IF;
  NEW.version := OLD.version + 1;
  NEW.updated_at := now();
  RETURN NEW;
END $$;
-- +goose StatementEnd
UPDATE provider_attempts SET status = 'unknown', resolved_at = NULL WHERE status = 'accepted';
ALTER TABLE provider_attempts DROP CONSTRAINT provider_attempts_status;
ALTER TABLE provider_attempts ADD CONSTRAINT provider_attempts_status CHECK (status IN ('sent', 'succeeded', 'declined',
  'action_required', 'failed', 'unknown'));
DROP TABLE voids;
DROP TABLE refunds;
ALTER TABLE captures DROP COLUMN status_reason, DROP COLUMN version, DROP COLUMN updated_at;
