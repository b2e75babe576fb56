-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE payments (
  merchant_id              uuid        NOT NULL,
  id                       uuid        NOT NULL,
  order_id                 uuid        NOT NULL,
  currency                 text        NOT NULL,
  idempotency_key_hash     bytea       NOT NULL,      -- outlives the idempotency record
  capture_method           text        NOT NULL DEFAULT 'automatic',
  provider                 text        NOT NULL,
  provider_reference       text,
  payment_method           text        NOT NULL,      -- a token, never a card number
  status                   text        NOT NULL DEFAULT 'processing',
  status_reason            text,
  amount                   bigint      NOT NULL,
  amount_authorized        bigint      NOT NULL DEFAULT 0,
  amount_capturing         bigint      NOT NULL DEFAULT 0, -- reserved by captures in flight
  amount_captured          bigint      NOT NULL DEFAULT 0,
  amount_voided            bigint      NOT NULL DEFAULT 0,
  amount_refunding         bigint      NOT NULL DEFAULT 0, -- reserved by refunds in flight
  amount_refunded          bigint      NOT NULL DEFAULT 0,
  authorization_expires_at timestamptz,
  next_action_url          text,                      -- where the payer goes while status is requires_action
  description              text,
  metadata                 jsonb       NOT NULL DEFAULT '{}',
  version                  integer     NOT NULL DEFAULT 1,
  created_at               timestamptz NOT NULL DEFAULT now(),
  updated_at               timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT payments_pkey              PRIMARY KEY (merchant_id, id),
  CONSTRAINT payments_currency_uq       UNIQUE (merchant_id, id, currency),
  CONSTRAINT payments_key_uq            UNIQUE (merchant_id, idempotency_key_hash),
  CONSTRAINT payments_order_fk          FOREIGN KEY (merchant_id, order_id, currency)
                                        REFERENCES orders (merchant_id, id, currency),
  CONSTRAINT payments_capture_method    CHECK (capture_method IN ('automatic', 'manual')),
  CONSTRAINT payments_status            CHECK (status IN ('processing', 'requires_action', 'requires_capture',
                                        'partially_captured', 'succeeded', 'canceled', 'failed', 'expired')),
  CONSTRAINT payments_amount            CHECK (amount > 0),
  CONSTRAINT payments_amount_authorized CHECK (amount_authorized >= 0),
  CONSTRAINT payments_amount_capturing  CHECK (amount_capturing >= 0),
  CONSTRAINT payments_amount_captured   CHECK (amount_captured >= 0),
  CONSTRAINT payments_amount_voided     CHECK (amount_voided >= 0),
  CONSTRAINT payments_amount_refunding  CHECK (amount_refunding >= 0),
  CONSTRAINT payments_amount_refunded   CHECK (amount_refunded >= 0),
  CONSTRAINT payments_auth_le_amount    CHECK (amount_authorized <= amount),
  CONSTRAINT payments_capture_le_auth   CHECK (amount_captured + amount_capturing + amount_voided <= amount_authorized),
  CONSTRAINT payments_refund_le_capture CHECK (amount_refunded + amount_refunding <= amount_captured),
  CONSTRAINT payments_status_money CHECK (
        (status <> 'succeeded' OR (amount_captured > 0 AND amount_capturing = 0
                                   AND amount_captured + amount_voided = amount_authorized))
    AND (status <> 'requires_capture' OR (amount_authorized > 0 AND amount_captured = 0))
    AND (status <> 'partially_captured' OR (amount_captured > 0 AND amount_captured < amount_authorized))
    AND (status NOT IN ('canceled', 'failed', 'expired') OR (amount_captured = 0 AND amount_capturing = 0))
    AND (status NOT IN ('processing', 'requires_action') OR amount_authorized = 0))
);
-- The double click that no key can catch: at most one live payment per order.
CREATE UNIQUE INDEX payments_one_live_per_order ON payments (merchant_id, order_id)
  WHERE status NOT IN ('canceled', 'failed', 'expired');
CREATE UNIQUE INDEX payments_provider_reference ON payments (merchant_id, provider, provider_reference)
  WHERE provider_reference IS NOT NULL;
CREATE INDEX payments_cursor ON payments (merchant_id, created_at DESC, id DESC);
CREATE INDEX payments_order ON payments (merchant_id, order_id, created_at DESC, id DESC);
CREATE INDEX payments_auth_expiry ON payments (authorization_expires_at)
  WHERE status IN ('requires_capture', 'partially_captured');

-- The arrows between a payment's states; models.PaymentStatus.Next is the same list.
CREATE TABLE payment_transitions (
  from_status text NOT NULL,
  to_status   text NOT NULL,
  CONSTRAINT payment_transitions_pkey PRIMARY KEY (from_status, to_status)
);
INSERT INTO payment_transitions (from_status, to_status) VALUES
  ('processing', 'requires_action'), ('processing', 'requires_capture'), ('processing', 'succeeded'),
  ('processing', 'failed'), ('processing', 'canceled'),
  ('requires_action', 'processing'), ('requires_action', 'succeeded'), ('requires_action', 'requires_capture'),
  ('requires_action', 'canceled'), ('requires_action', 'failed'), ('requires_action', 'expired'),
  ('requires_capture', 'partially_captured'), ('requires_capture', 'succeeded'),
  ('requires_capture', 'canceled'), ('requires_capture', 'expired'),
  ('partially_captured', 'succeeded');

-- +goose StatementBegin
CREATE FUNCTION payments_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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
  NEW.version := OLD.version + 1;
  NEW.updated_at := now();
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_guard BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION payments_guard();

CREATE TABLE captures (
  merchant_id uuid        NOT NULL,
  id          uuid        NOT NULL,
  payment_id  uuid        NOT NULL,
  currency    text        NOT NULL,
  key_hash    bytea,                                  -- NULL: automatic capture
  amount      bigint      NOT NULL,
  is_final    boolean     NOT NULL DEFAULT true,
  status      text        NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT captures_pkey       PRIMARY KEY (merchant_id, id),
  CONSTRAINT captures_key_uq     UNIQUE (merchant_id, key_hash),
  CONSTRAINT captures_payment_fk FOREIGN KEY (merchant_id, payment_id, currency)
                                 REFERENCES payments (merchant_id, id, currency),
  CONSTRAINT captures_amount     CHECK (amount > 0),
  CONSTRAINT captures_status     CHECK (status IN ('pending', 'succeeded', 'failed'))
);
CREATE INDEX captures_payment ON captures (merchant_id, payment_id);

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE captures;
DROP TABLE payments;
DROP FUNCTION payments_guard();
DROP TABLE payment_transitions;
