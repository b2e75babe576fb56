-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- What the files of an archive hold. A file that is being written grows by batches; the transaction that deletes a batch of
-- tombstones writes the file's new length here. So what counts of a file after a crash is this length: what lies behind it is still
-- in its table. Files are not of one merchant: cleanup isn't, either.
CREATE TABLE archive_files (
  archive    uuid        NOT NULL,                    -- the folder's, which is in its archive.json
  name       text        NOT NULL,
  kind       text        NOT NULL,
  records    bigint      NOT NULL DEFAULT 0,
  bytes      bigint      NOT NULL DEFAULT 0,
  sha256     bytea       NOT NULL,                    -- of the first bytes, as many as bytes says
  oldest     timestamptz,                             -- the times of its records: when a key was completed, when an event was made
  newest     timestamptz,
  opened_at  timestamptz NOT NULL DEFAULT now(),
  written_at timestamptz NOT NULL DEFAULT now(),
  closed_at  timestamptz,                             -- it doesn't grow any more
  CONSTRAINT archive_files_pkey   PRIMARY KEY (archive, name),
  CONSTRAINT archive_files_kind   CHECK (kind IN ('tombstones', 'events')),
  CONSTRAINT archive_files_length CHECK (records >= 0 AND bytes >= 0 AND (records = 0) = (bytes = 0)),
  CONSTRAINT archive_files_sha256 CHECK (octet_length(sha256) = 32)
);
CREATE TRIGGER archive_files_append_only BEFORE UPDATE ON archive_files
  FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL OR NEW.bytes < OLD.bytes) EXECUTE FUNCTION append_only();
CREATE TRIGGER archive_files_kept BEFORE DELETE ON archive_files
  FOR EACH ROW WHEN (OLD.records > 0) EXECUTE FUNCTION append_only();

-- How far each merchant's events are copied to an archive.
CREATE TABLE archive_positions (
  merchant_id uuid   NOT NULL,
  archive     uuid   NOT NULL,
  epoch       bigint NOT NULL,
  xact        bigint NOT NULL,
  event_id    uuid   NOT NULL,
  CONSTRAINT archive_positions_pkey PRIMARY KEY (merchant_id, archive)
);

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE archive_positions;
DROP TABLE archive_files;
