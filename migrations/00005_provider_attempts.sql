-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Every call to a provider is written down before it is made: what a crash leaves behind is never a guess.
CREATE TABLE provider_attempts (
  merchant_id        uuid        NOT NULL,
  id                 uuid        NOT NULL,
  payment_id         uuid        NOT NULL,
  operation          text        NOT NULL,
  operation_id       uuid        NOT NULL,            -- payment, capture or refund
  provider           text        NOT NULL,
  provider_key       text        NOT NULL,            -- derived from the request's identity
  key_hash           bytea,                           -- the record it belongs to; NULL: internal (expiry)
  attempt_no         integer     NOT NULL,
  status             text        NOT NULL,
  provider_reference text,
  provider_code      text,
  http_status        integer,
  claim_id           uuid        NOT NULL,
  fence              bigint      NOT NULL DEFAULT 1,
  lease_until        timestamptz,
  sends              integer     NOT NULL DEFAULT 1,  -- how often the request may have reached the provider
  sent_at            timestamptz NOT NULL DEFAULT now(),
  resolved_at        timestamptz,
  next_check_at      timestamptz,                     -- NULL while the idempotency record is in progress
  checks             integer     NOT NULL DEFAULT 0,
  checked_at         timestamptz,
  not_found_at       timestamptz,                     -- first "not found" of the pair that allows a re-send
  CONSTRAINT provider_attempts_pkey       PRIMARY KEY (merchant_id, id),
  CONSTRAINT attempts_numbered            UNIQUE (merchant_id, operation, operation_id, attempt_no),
  CONSTRAINT attempts_payment_fk          FOREIGN KEY (merchant_id, payment_id) REFERENCES payments (merchant_id, id),
  CONSTRAINT provider_attempts_operation  CHECK (operation IN ('authorize', 'capture', 'refund', 'void')),
  CONSTRAINT provider_attempts_attempt_no CHECK (attempt_no > 0),
  CONSTRAINT provider_attempts_sends      CHECK (sends > 0),
  CONSTRAINT provider_attempts_status     CHECK (status IN ('sent', 'succeeded', 'declined', 'action_required',
                                          'failed', 'unknown')),
  CONSTRAINT attempts_open_or_resolved    CHECK ((status IN ('sent', 'unknown')) = (resolved_at IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE UNIQUE INDEX attempts_one_open ON provider_attempts (merchant_id, operation, operation_id)
  WHERE status IN ('sent', 'unknown');
CREATE UNIQUE INDEX attempts_one_success ON provider_attempts (merchant_id, operation, operation_id)
  WHERE status = 'succeeded';
-- At most one of authorize, capture and void is under way for a payment.
CREATE UNIQUE INDEX attempts_one_open_on_authorization ON provider_attempts (merchant_id, payment_id)
  WHERE operation IN ('authorize', 'capture', 'void') AND status IN ('sent', 'unknown');
CREATE INDEX attempts_payment ON provider_attempts (merchant_id, payment_id);
CREATE INDEX attempts_due ON provider_attempts (next_check_at) WHERE next_check_at IS NOT NULL;

-- What the provider's book and ours disagree on. No foreign key: a charge may have no payment here at all.
CREATE TABLE discrepancies (
  merchant_id uuid        NOT NULL,
  id          uuid        NOT NULL,
  kind        text        NOT NULL,
  payment_id  uuid,
  details     jsonb       NOT NULL,
  found_at    timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz,
  resolution  text,
  CONSTRAINT discrepancies_pkey PRIMARY KEY (merchant_id, id)
);
CREATE INDEX discrepancies_open ON discrepancies (merchant_id, found_at) WHERE resolved_at IS NULL;

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE discrepancies;
DROP TABLE provider_attempts;
