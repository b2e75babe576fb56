-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Events are the audit log and the outbox: written in the transaction of the change.
CREATE TABLE events (
  merchant_id      uuid        NOT NULL,
  id               uuid        NOT NULL,              -- UUIDv7: ordered by time
  type             text        NOT NULL,
  resource_type    text        NOT NULL,
  resource_id      uuid        NOT NULL,
  resource_version integer     NOT NULL,
  data             jsonb       NOT NULL,
  request_id       text,
  created_at       timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT events_pkey            PRIMARY KEY (merchant_id, id),
  CONSTRAINT events_one_per_version UNIQUE (merchant_id, resource_id, resource_version, type),
  CONSTRAINT events_type            CHECK (type ~ '^[a-z_]+(\.[a-z_]+)+$')
);
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
  FOR EACH ROW EXECUTE FUNCTION append_only();

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE events;
