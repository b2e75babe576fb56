-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- What an amount means: how many digits its minor unit has, and which amounts are allowed.
CREATE TABLE currencies (
  code       text     NOT NULL,
  exponent   smallint NOT NULL,                       -- JPY 0, USD 2, KWD 3, CLF 4
  min_amount bigint   NOT NULL DEFAULT 1,             -- minor units
  max_amount bigint   NOT NULL DEFAULT 999999999999,
  CONSTRAINT currencies_pkey       PRIMARY KEY (code),
  CONSTRAINT currencies_code       CHECK (code ~ '^[A-Z]{3}$'),
  CONSTRAINT currencies_exponent   CHECK (exponent BETWEEN 0 AND 4),
  CONSTRAINT currencies_min_amount CHECK (min_amount > 0),
  CONSTRAINT currencies_max_amount CHECK (max_amount >= min_amount)
);

-- ISO 4217 as the Go library knows it; a test compares the two, so that an update of the library asks for a migration.
INSERT INTO currencies (code, exponent) VALUES
  ('AED', 2), ('AFN', 2), ('ALL', 2), ('AMD', 2), ('AOA', 2), ('ARS', 2), ('AUD', 2), ('AWG', 2), ('AZN', 2),
  ('BAM', 2), ('BBD', 2), ('BDT', 2), ('BHD', 3), ('BIF', 0), ('BMD', 2), ('BND', 2), ('BOB', 2), ('BOV', 2),
  ('BRL', 2), ('BSD', 2), ('BTN', 2), ('BWP', 2), ('BYN', 2), ('BZD', 2), ('CAD', 2), ('CDF', 2), ('CHE', 2),
  ('CHF', 2), ('CHW', 2), ('CLF', 4), ('CLP', 0), ('CNY', 2), ('COP', 2), ('COU', 2), ('CRC', 2), ('CUP', 2),
  ('CVE', 2), ('CZK', 2), ('DJF', 0), ('DKK', 2), ('DOP', 2), ('DZD', 2), ('EGP', 2), ('ERN', 2), ('ETB', 2),
  ('EUR', 2), ('FJD', 2), ('FKP', 2), ('GBP', 2), ('GEL', 2), ('GHS', 2), ('GIP', 2), ('GMD', 2), ('GNF', 0),
  ('GTQ', 2), ('GYD', 2), ('HKD', 2), ('HNL', 2), ('HTG', 2), ('HUF', 2), ('IDR', 2), ('ILS', 2), ('INR', 2),
  ('IQD', 3), ('IRR', 2), ('ISK', 0), ('JMD', 2), ('JOD', 3), ('JPY', 0), ('KES', 2), ('KGS', 2), ('KHR', 2),
  ('KMF', 0), ('KPW', 2), ('KRW', 0), ('KWD', 3), ('KYD', 2), ('KZT', 2), ('LAK', 2), ('LBP', 2), ('LKR', 2),
  ('LRD', 2), ('LSL', 2), ('LYD', 3), ('MAD', 2), ('MDL', 2), ('MGA', 2), ('MKD', 2), ('MMK', 2), ('MNT', 2),
  ('MOP', 2), ('MRU', 2), ('MUR', 2), ('MVR', 2), ('MWK', 2), ('MXN', 2), ('MXV', 2), ('MYR', 2), ('MZN', 2),
  ('NAD', 2), ('NGN', 2), ('NIO', 2), ('NOK', 2), ('NPR', 2), ('NZD', 2), ('OMR', 3), ('PAB', 2), ('PEN', 2),
  ('PGK', 2), ('PHP', 2), ('PKR', 2), ('PLN', 2), ('PYG', 0), ('QAR', 2), ('RON', 2), ('RSD', 2), ('RUB', 2),
  ('RWF', 0), ('SAR', 2), ('SBD', 2), ('SCR', 2), ('SDG', 2), ('SEK', 2), ('SGD', 2), ('SHP', 2), ('SLE', 2),
  ('SOS', 2), ('SRD', 2), ('SSP', 2), ('STN', 2), ('SVC', 2), ('SYP', 2), ('SZL', 2), ('THB', 2), ('TJS', 2),
  ('TMT', 2), ('TND', 3), ('TOP', 2), ('TRY', 2), ('TTD', 2), ('TWD', 2), ('TZS', 2), ('UAH', 2), ('UGX', 0),
  ('USD', 2), ('USN', 2), ('UYI', 0), ('UYU', 2), ('UYW', 4), ('UZS', 2), ('VED', 2), ('VES', 2), ('VND', 0),
  ('VUV', 0), ('WST', 2), ('XAD', 2), ('XAF', 0), ('XCD', 2), ('XCG', 2), ('XOF', 0), ('XPF', 0), ('YER', 2),
  ('ZAR', 2), ('ZMW', 2), ('ZWG', 2);

CREATE TABLE merchants (
  id         uuid        NOT NULL,
  name       text        NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT merchants_pkey PRIMARY KEY (id),
  CONSTRAINT merchants_name CHECK (length(name) BETWEEN 1 AND 200 AND name !~ '[[:cntrl:]]')
);

CREATE TABLE api_keys (
  id           text        NOT NULL,                  -- the public part of sk_test_<id>_<secret>
  merchant_id  uuid        NOT NULL,
  secret_hash  bytea       NOT NULL,                  -- SHA-256 of over 256 random bits: no pepper, so none to rotate
  scopes       text[]      NOT NULL DEFAULT '{*}',
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  expires_at   timestamptz,
  revoked_at   timestamptz,
  CONSTRAINT api_keys_pkey        PRIMARY KEY (id),
  CONSTRAINT api_keys_merchant_fk FOREIGN KEY (merchant_id) REFERENCES merchants (id),
  CONSTRAINT api_keys_id          CHECK (id ~ '^[A-Za-z0-9]{16,64}$'), -- no '_': splitting a key has one answer
  CONSTRAINT api_keys_secret_hash CHECK (octet_length(secret_hash) = 32),
  -- No comma, quote, brace or space in a scope: the array's text needs no quoting.
  CONSTRAINT api_keys_scopes      CHECK (array_to_string(scopes, ' ', 'NULL') ~ '^(\*|[a-z_.:]+)( (\*|[a-z_.:]+))*$')
);
CREATE INDEX api_keys_merchant ON api_keys (merchant_id);

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
DROP TABLE api_keys;
DROP TABLE merchants;
DROP TABLE currencies;
