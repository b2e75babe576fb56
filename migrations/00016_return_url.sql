-- +goose Up
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Where the customer goes back to is part of what the provider is asked, and the promised end of the wait for the customer is kept as
-- it was promised: ACTION_TIMEOUT may change meanwhile. Where it is NULL, a release before this one began the wait.
ALTER TABLE payments
  ADD COLUMN return_url             text,
  ADD COLUMN next_action_expires_at timestamptz,
  ADD CONSTRAINT payments_return_url CHECK (length(return_url) BETWEEN 1 AND 2048) NOT VALID;

-- +goose Down
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
ALTER TABLE payments DROP COLUMN return_url, DROP COLUMN next_action_expires_at;
