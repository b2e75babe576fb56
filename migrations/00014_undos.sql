-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- A payment whose key was given up, until nothing of it is left: at most one per payment, and from then on. What is not under way yet
-- (the payment's own outcome is unknown, or a try has failed) is tried by a job, so that a crash loses nothing.
CREATE TABLE undos (
  merchant_id  uuid        NOT NULL,
  payment_id   uuid        NOT NULL,
  key          text        NOT NULL,                  -- that was given up; answers name it
  tries        integer     NOT NULL DEFAULT 0,        -- that were begun
  operation_id uuid,                                  -- the void or refund under way, and the last one when it has ended
  requested_at timestamptz NOT NULL DEFAULT now(),
  next_try_at  timestamptz,                           -- NULL while one is under way, and when it has ended
  ended_at     timestamptz,
  effect       text,
  CONSTRAINT undos_pkey         PRIMARY KEY (merchant_id, payment_id),
  CONSTRAINT undos_operation_uq UNIQUE (merchant_id, operation_id),
  CONSTRAINT undos_payment_fk   FOREIGN KEY (merchant_id, payment_id) REFERENCES payments (merchant_id, id),
  CONSTRAINT undos_key_length   CHECK (length(key) BETWEEN 1 AND 255),
  CONSTRAINT undos_tries        CHECK (tries >= 0),
  CONSTRAINT undos_effect       CHECK (effect IN ('none', 'voided', 'refunded')),
  CONSTRAINT undos_ended        CHECK ((ended_at IS NULL) = (effect IS NULL)),
  CONSTRAINT undos_driven       CHECK ((next_try_at IS NULL) = (operation_id IS NOT NULL OR ended_at IS NOT NULL))
);
CREATE INDEX undos_due ON undos (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX undos_open ON undos (requested_at) WHERE ended_at IS NULL;

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE undos;
