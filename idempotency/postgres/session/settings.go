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
// The time-outs are those of statements outside payonce's transactions, which have shorter ones of their own.
func direct() map[string]string {
	return map[string]string{
		"default_transaction_isolation":       "read committed",
		"IntervalStyle":                       "postgres",
		"bytea_output":                        "hex", // as text, which "exec" mode reads
		"extra_float_digits":                  "1",
		"statement_timeout":                   "30s",
		"lock_timeout":                        "5s",
		"idle_in_transaction_session_timeout": "60s",
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

// Isolation begins every transaction of payonce. READ COMMITTED, because what became of a COMMIT without an answer is read
// behind the lock of its transaction, which an older snapshot would not see. Read-only is left as it is: a server or an
// operator that says so means it.
const Isolation = "ISOLATION LEVEL READ COMMITTED"

// Begin is the statement.
const Begin = "BEGIN " + Isolation

// Limits are the columns of a SELECT that goes with a transaction's first batch: a paused or dead replica keeps no key and
// no row locked for long, and what is acknowledged stays. synchronous_commit is changed only where it is off: remote_apply
// and the like are the operator's decision, and as durable.
const Limits = `set_config('idle_in_transaction_session_timeout', '5s', true), set_config('lock_timeout', '500ms', true),
	set_config('statement_timeout', '3s', true),
	set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), true)`

// LetCommitWait goes before COMMIT. A statement_timeout would end a COMMIT's wait for a synchronous standby by acknowledging it.
const LetCommitWait = `SELECT set_config('statement_timeout', '0', true)`
