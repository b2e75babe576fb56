-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Where a merchant wants its events sent. One that is deleted stays, without its secrets, as long as its deliveries do.
CREATE TABLE webhook_endpoints (
  merchant_id           uuid        NOT NULL,
  id                    uuid        NOT NULL,
  url                   text        NOT NULL,
  events                text[]      NOT NULL,             -- types, 'payment.*' or '*'
  description           text,
  secret                bytea,                            -- sealed, see package idempotency/seal; NULL: deleted
  previous_secret       bytea,                            -- signs as well while it is replaced
  previous_secret_until timestamptz,
  enabled               boolean     NOT NULL DEFAULT true,
  disabled_reason       text,
  failing_since         timestamptz,                      -- first failure since the last delivery; NULL: none
  deleted_at            timestamptz,
  version               integer     NOT NULL DEFAULT 1,   -- of what merchants see
  created_at            timestamptz NOT NULL DEFAULT now(),
  updated_at            timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT webhook_endpoints_pkey        PRIMARY KEY (merchant_id, id),
  CONSTRAINT webhook_endpoints_merchant_fk FOREIGN KEY (merchant_id) REFERENCES merchants (id),
  CONSTRAINT webhook_endpoints_url         CHECK (length(url) BETWEEN 1 AND 2048),
  CONSTRAINT webhook_endpoints_events      CHECK (cardinality(events) BETWEEN 1 AND 64
                                                  AND array_to_string(events, ',', '!') ~ '^[a-z_.*]+(,[a-z_.*]+)*$'),
  CONSTRAINT webhook_endpoints_description CHECK (length(description) BETWEEN 1 AND 500),
  CONSTRAINT webhook_endpoints_reason      CHECK (disabled_reason IN ('by_merchant', 'gone', 'failing')),
  CONSTRAINT webhook_endpoints_disabled    CHECK (enabled = (disabled_reason IS NULL)),
  CONSTRAINT webhook_endpoints_rotation    CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
  CONSTRAINT webhook_endpoints_deleted     CHECK ((deleted_at IS NULL) = (secret IS NOT NULL) AND (deleted_at IS NULL OR NOT enabled))
);
CREATE INDEX webhook_endpoints_cursor  ON webhook_endpoints (merchant_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX webhook_endpoints_deleted_at ON webhook_endpoints (deleted_at) WHERE deleted_at IS NOT NULL;

-- The outbox: one row per event and endpoint, written by the statement that writes the event.
CREATE TABLE webhook_deliveries (
  merchant_id     uuid        NOT NULL,
  id              uuid        NOT NULL DEFAULT gen_random_uuid(),
  endpoint_id     uuid        NOT NULL,
  event_id        uuid        NOT NULL,
  status          text        NOT NULL DEFAULT 'pending',
  attempts        integer     NOT NULL DEFAULT 0,         -- that have ended, since it was last asked for
  fence           bigint      NOT NULL DEFAULT 0,         -- grows with each claim: what a late replica writes changes nothing
  next_attempt_at timestamptz DEFAULT now(),              -- while it is being sent: from when on another replica may send it
  last_attempt_at timestamptz,
  last_error      text,                                   -- what kind of failure; NULL: it was answered with 2xx
  response_status integer,
  response_body   text,                                   -- its first KiB
  created_at      timestamptz NOT NULL DEFAULT now(),
  finished_at     timestamptz,
  CONSTRAINT webhook_deliveries_pkey        PRIMARY KEY (merchant_id, id),
  CONSTRAINT webhook_deliveries_once        UNIQUE (merchant_id, event_id, endpoint_id),
  CONSTRAINT webhook_deliveries_event_fk    FOREIGN KEY (merchant_id, event_id) REFERENCES events (merchant_id, id),
  CONSTRAINT webhook_deliveries_endpoint_fk FOREIGN KEY (merchant_id, endpoint_id) REFERENCES webhook_endpoints (merchant_id, id),
  CONSTRAINT webhook_deliveries_status      CHECK (status IN ('pending', 'delivered', 'exhausted', 'canceled')),
  CONSTRAINT webhook_deliveries_attempts    CHECK (attempts >= 0),
  CONSTRAINT webhook_deliveries_body        CHECK (octet_length(response_body) <= 4096),
  CONSTRAINT webhook_deliveries_driven      CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
  CONSTRAINT webhook_deliveries_finished    CHECK ((status = 'pending') = (finished_at IS NULL))
) WITH (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000 -- each row is updated two times within a second
);
-- By endpoint first: what is due for one is found without passing what waits for another.
CREATE INDEX webhook_deliveries_due      ON webhook_deliveries (merchant_id, endpoint_id, next_attempt_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_cursor   ON webhook_deliveries (merchant_id, endpoint_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_finished_at ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE webhook_deliveries;
DROP TABLE webhook_endpoints;
