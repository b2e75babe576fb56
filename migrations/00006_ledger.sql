-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Double entry, append-only. A posting names both sides, so an entry balances by construction.
CREATE TABLE ledger_accounts (
  merchant_id uuid NOT NULL,
  id          uuid NOT NULL,
  code        text NOT NULL,
  currency    text NOT NULL,
  CONSTRAINT ledger_accounts_pkey        PRIMARY KEY (merchant_id, id),
  CONSTRAINT ledger_accounts_code_uq     UNIQUE (merchant_id, code, currency),
  CONSTRAINT ledger_accounts_currency_uq UNIQUE (merchant_id, id, currency),
  CONSTRAINT ledger_accounts_currency_fk FOREIGN KEY (currency) REFERENCES currencies (code)
);

CREATE TABLE ledger_entries (
  merchant_id uuid        NOT NULL,
  id          uuid        NOT NULL,
  kind        text        NOT NULL,
  source_id   uuid        NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ledger_entries_pkey PRIMARY KEY (merchant_id, id),
  CONSTRAINT ledger_posted_once  UNIQUE (merchant_id, kind, source_id),
  CONSTRAINT ledger_entries_kind CHECK (kind IN ('capture', 'refund', 'fee', 'adjustment'))
);

CREATE TABLE ledger_postings (
  merchant_id       uuid     NOT NULL,
  entry_id          uuid     NOT NULL,
  line              smallint NOT NULL,
  debit_account_id  uuid     NOT NULL,
  credit_account_id uuid     NOT NULL,
  currency          text     NOT NULL,
  amount            bigint   NOT NULL,
  CONSTRAINT ledger_postings_pkey   PRIMARY KEY (merchant_id, entry_id, line),
  CONSTRAINT ledger_entry_fk        FOREIGN KEY (merchant_id, entry_id) REFERENCES ledger_entries (merchant_id, id),
  CONSTRAINT ledger_debit_fk        FOREIGN KEY (merchant_id, debit_account_id, currency)
                                    REFERENCES ledger_accounts (merchant_id, id, currency),
  CONSTRAINT ledger_credit_fk       FOREIGN KEY (merchant_id, credit_account_id, currency)
                                    REFERENCES ledger_accounts (merchant_id, id, currency),
  CONSTRAINT ledger_postings_amount CHECK (amount > 0),
  CONSTRAINT ledger_two_sides       CHECK (debit_account_id <> credit_account_id)
);

CREATE TRIGGER ledger_entries_append_only  BEFORE UPDATE OR DELETE ON ledger_entries
  FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER ledger_postings_append_only BEFORE UPDATE OR DELETE ON ledger_postings
  FOR EACH ROW EXECUTE FUNCTION append_only();

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE ledger_postings;
DROP TABLE ledger_entries;
DROP TABLE ledger_accounts;
