-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- The provider's notifications, each once. They decide nothing: one makes an attempt due, and the look-up decides. Not of one
-- merchant's: an event may be about a charge that has none here. What is kept of an object is what payonce reads, no customer's data.
CREATE TABLE provider_events (
  provider    text        NOT NULL,                   -- the account that is asked now
  id          text        NOT NULL,                   -- the provider's: it sends an event again under the same id
  type        text        NOT NULL,
  merchant_id uuid,                                   -- with payment_id: what the metadata names, here or not
  payment_id  uuid,
  object      jsonb,                                  -- the intent or refund as the event shows it; NULL: about something else
  created_at  timestamptz NOT NULL,                   -- by the provider's clock
  received_at timestamptz NOT NULL DEFAULT now(),
  due_at      timestamptz,                            -- when it is compared with our rows; NULL: it was
  tries       integer     NOT NULL DEFAULT 0,
  CONSTRAINT provider_events_pkey    PRIMARY KEY (provider, id),
  CONSTRAINT provider_events_payment CHECK ((merchant_id IS NULL) = (payment_id IS NULL)),
  CONSTRAINT provider_events_tries   CHECK (tries >= 0)
);
CREATE INDEX provider_events_due ON provider_events (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX provider_events_of_payment ON provider_events (merchant_id, payment_id, received_at);
CREATE INDEX provider_events_received ON provider_events (received_at);

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE provider_events;
