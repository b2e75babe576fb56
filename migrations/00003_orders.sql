-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE orders (
  merchant_id     uuid        NOT NULL,
  id              uuid        NOT NULL,
  reference       text,
  currency        text        NOT NULL,
  items           jsonb,
  amount_total    bigint      NOT NULL,
  amount_reserved bigint      NOT NULL DEFAULT 0,     -- live payments, not yet captured
  amount_paid     bigint      NOT NULL DEFAULT 0,     -- captured
  amount_refunded bigint      NOT NULL DEFAULT 0,
  canceled_at     timestamptz,
  status          text GENERATED ALWAYS AS (CASE      -- derived, so it can't disagree with the money
    WHEN canceled_at IS NOT NULL       THEN 'canceled'
    WHEN amount_paid = 0               THEN 'pending_payment'
    WHEN amount_refunded = amount_paid THEN 'refunded'
    WHEN amount_refunded > 0           THEN 'partially_refunded'
    WHEN amount_paid < amount_total    THEN 'partially_paid'
    ELSE 'paid' END) STORED NOT NULL,
  metadata        jsonb       NOT NULL DEFAULT '{}',
  version         integer     NOT NULL DEFAULT 1,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT orders_pkey            PRIMARY KEY (merchant_id, id),
  CONSTRAINT orders_merchant_fk     FOREIGN KEY (merchant_id) REFERENCES merchants (id),
  CONSTRAINT orders_currency_fk     FOREIGN KEY (currency) REFERENCES currencies (code),
  CONSTRAINT orders_reference_uq    UNIQUE (merchant_id, reference),
  CONSTRAINT orders_currency_uq     UNIQUE (merchant_id, id, currency), -- so that a payment can't have another currency
  CONSTRAINT orders_reference       CHECK (length(reference) BETWEEN 1 AND 128),
  CONSTRAINT orders_amount_total    CHECK (amount_total > 0),
  CONSTRAINT orders_amount_reserved CHECK (amount_reserved >= 0),
  CONSTRAINT orders_amount_paid     CHECK (amount_paid >= 0),
  CONSTRAINT orders_amount_refunded CHECK (amount_refunded >= 0),
  CONSTRAINT orders_no_overpayment  CHECK (amount_reserved + amount_paid <= amount_total),
  CONSTRAINT orders_no_overrefund   CHECK (amount_refunded <= amount_paid),
  CONSTRAINT orders_canceled_unpaid CHECK (canceled_at IS NULL OR amount_paid + amount_reserved = 0)
) WITH (fillfactor = 85);                             -- paying changes no indexed column: it stays on the page
CREATE INDEX orders_cursor ON orders (merchant_id, created_at DESC, id DESC);

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE orders;
