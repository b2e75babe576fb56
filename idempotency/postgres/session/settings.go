package session

import "strconv"

// pooled are the settings that every PgBouncer passes on as start-up parameters, and keeps for each client.
func pooled() map[string]string {
	return map[string]string{
		"client_encoding":             "UTF8",
		"DateStyle":                   "ISO, MDY", // timestamps as text, which "exec" mode reads
		"TimeZone":                    "UTC",
		"standard_conforming_strings": "on", // a backslash in a literal, as in the CHECKs' regular expressions, is itself
	}
}

// direct are the settings that a server itself takes. What is missing here is decided in the table of settings_test.go.
// The time-outs are those of payonce's transactions.
func direct() map[string]string {
	return map[string]string{
		"default_transaction_isolation":       "read committed",
		"IntervalStyle":                       "postgres",
		"bytea_output":                        "hex", // as text, which "exec" mode reads
		"extra_float_digits":                  "1",
		"statement_timeout":                   "3s",
		"lock_timeout":                        "500ms",
		"idle_in_transaction_session_timeout": "5s",
		"idle_session_timeout":                "0", // a pool's connections are idle most of the time
		"exit_on_error":                       "off",
		"default_table_access_method":         "heap", // others have no row locks, or no unique keys
		"row_security":                        "on",
		"transform_null_equals":               "off",
		"array_nulls":                         "on",
		"backslash_quote":                     "safe_encoding",
		"check_function_bodies":               "on",
		"tcp_keepalives_idle":                 strconv.Itoa(int(keepAliveIdle.Seconds())),
		"tcp_keepalives_interval":             strconv.Itoa(int(keepAliveInterval.Seconds())),
		"tcp_keepalives_count":                strconv.Itoa(keepAliveCount),
		"tcp_user_timeout":                    strconv.Itoa(int(peerTimeout.Milliseconds())),
	}
}

// Patient are the settings of sessions for reads that may take long: sums over a ledger, ranges of an archive.
func Patient() map[string]string {
	return map[string]string{"statement_timeout": "30s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}
}

// Isolation begins every transaction of payonce. READ COMMITTED, because what became of a COMMIT without an answer is read
// behind the lock of its transaction, which an older snapshot would not see. Read-only is left as it is: a server or an
// operator that says so means it.
const Isolation = "ISOLATION LEVEL READ COMMITTED"

// Begin is the statement.
const Begin = "BEGIN " + Isolation

// Durable is a part of a statement of each transaction's first batch: what is acknowledged stays. synchronous_commit is changed
// only where it is off: remote_apply and the like are the operator's decision, and as durable. A session may not know: the setting may
// change while it lasts.
const Durable = `CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END`

// Limits are the columns of a SELECT that goes behind BEGIN where a pooler keeps no settings of a session: a paused or dead replica keeps
// no key and no row locked for long. A COMMIT's wait for a synchronous standby is under none of these limits: PostgreSQL stops the statement's clock before it commits
// (finish_xact_command), and to end the wait would acknowledge it.
const Limits = `set_config('idle_in_transaction_session_timeout', '5s', true), set_config('lock_timeout', '500ms', true),
	set_config('statement_timeout', '3s', true)`
