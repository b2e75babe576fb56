package session_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/payonce/payonce/idempotency/postgres/session"
	"github.com/payonce/payonce/migrations"
)

// defaults are what a database or a role may have for its own, each of them harmful or at least odd. What is not here is
// in indifferent, with the reason.
func defaults() map[string][]string {
	return map[string][]string{
		"DateStyle":                           {"SQL, DMY", "German", "Postgres, DMY"},
		"IntervalStyle":                       {"sql_standard", "iso_8601"},
		"TimeZone":                            {"Asia/Kathmandu", "America/St_Johns"},
		"client_encoding":                     {"LATIN1", "EUC_JP", "SQL_ASCII"},
		"standard_conforming_strings":         {"off"},
		"escape_string_warning":               {"off"},
		"backslash_quote":                     {"on", "off"},
		"bytea_output":                        {"escape"},
		"extra_float_digits":                  {"-15", "3"},
		"array_nulls":                         {"off"},
		"transform_null_equals":               {"on"},
		"xmloption":                           {"document"},
		"check_function_bodies":               {"off"},
		"row_security":                        {"off"},
		"default_transaction_isolation":       {"repeatable read", "serializable"},
		"default_transaction_deferrable":      {"on"},
		"statement_timeout":                   {"1ms", "2s"},
		"lock_timeout":                        {"1ms"},
		"idle_in_transaction_session_timeout": {"1ms"},
		"idle_session_timeout":                {"1ms"},
		"client_connection_check_interval":    {"1ms"},
		"synchronous_commit":                  {"off", "local", "remote_apply"},
		"exit_on_error":                       {"on"},
		"plan_cache_mode":                     {"force_generic_plan", "force_custom_plan"},
		"work_mem":                            {"64kB"},
		"search_path":                         {`"$user", public`, `public, pg_catalog`},
		"application_name":                    {"shop"},
		"tcp_keepalives_idle":                 {"0"},
		"client_min_messages":                 {"debug5", "error"},
	}
}

func TestSettingsOfADatabaseOrARoleHaveNoEffect(t *testing.T) {
	t.Parallel()
	for setting, values := range defaults() {
		for n, value := range values {
			for _, level := range []string{"database", "role"}[:2-min(n, 1)] { // the first value at both levels
				t.Run(level+" "+setting+" "+value, func(t *testing.T) {
					t.Parallel()
					p := newPlace(t, "UTF8")
					quoted := value
					if setting != "search_path" {
						quoted = "'" + value + "'"
					}
					p.set(level, setting, quoted)
					p.works()
				})
			}
		}
	}
}

// indifferent are settings that change no result of payonce's statements, or that are an operator's to decide.
func indifferent() map[string]string {
	return map[string]string{
		"default_transaction_read_only":       "an operator, or a disk that is full, says so: replays are served and new work is refused",
		"transaction_read_only":               "of one transaction",
		"transaction_isolation":               "of one transaction",
		"transaction_deferrable":              "of one transaction",
		"session_replication_role":            "refused: see TestADefaultThatPayonceCantChangeIsRefused",
		"debug_parallel_query":                "made for the server's own tests",
		"force_parallel_mode":                 "made for the server's own tests",
		"ignore_system_indexes":               "can't be set by ALTER DATABASE",
		"jit_debugging_support":               "can't be set by ALTER DATABASE",
		"jit_profiling_support":               "can't be set by ALTER DATABASE",
		"allow_system_table_mods":             "for repairs of the catalog",
		"ignore_invalid_pages":                "for repairs",
		"zero_damaged_pages":                  "for repairs",
		"ignore_checksum_failure":             "for repairs",
		"session_authorization":               "no default",
		"is_superuser":                        "no default",
		"ssl_renegotiation_limit":             "has no effect any more",
		"jit_provider":                        "can't be set by ALTER DATABASE",
		"synchronize_seqscans":                "order of rows, which every list gives itself",
		"default_table_access_method":         "no other is installed here; ours is heap",
		"wal_consistency_checking":            "made for the server's own tests",
		"server_encoding":                     "refused: see TestADatabaseOfAnotherEncodingIsRefused",
		"debug_discard_caches":                "made for the server's own tests",
		"track_activities":                    "off hides half-sent batches: the job that ends them says so",
		"log_statement_stats":                 "excludes the other log_*_stats",
		"restrict_nonsystem_relation_kind":    "views and foreign tables, which payonce has none of",
		"event_triggers":                      "payonce has none",
		"createrole_self_grant":               "payonce makes no roles",
		"default_toast_compression":           "lz4 may be missing in the server; either is transparent",
		"wal_compression":                     "methods may be missing in the server; each is transparent",
		"backend_flush_after":                 "writing, not results",
		"update_process_title":                "what ps shows",
		"compute_query_id":                    "for statistics",
		"password_encryption":                 "payonce sets no passwords",
		"lo_compat_privileges":                "payonce has no large objects",
		"quote_all_identifiers":               "what pg_get_constraintdef prints, which the test compares",
		"deadlock_timeout":                    "how soon a deadlock is found out",
		"lc_messages":                         "texts, which nothing depends on; needs locales",
		"lc_monetary":                         "needs locales",
		"lc_numeric":                          "needs locales",
		"lc_time":                             "needs locales",
		"log_min_error_statement":             "the server's log",
		"log_parameter_max_length":            "the server's log",
		"log_error_verbosity":                 "the server's log",
		"log_min_messages":                    "the server's log",
		"log_statement":                       "the server's log",
		"log_duration":                        "the server's log",
		"trace_recovery_messages":             "the server's log",
		"trace_notify":                        "the server's log",
		"trace_sort":                          "the server's log",
		"debug_print_parse":                   "the server's log",
		"debug_print_plan":                    "the server's log",
		"debug_print_rewritten":               "the server's log",
		"debug_print_raw_parse":               "the server's log",
		"debug_logical_replication_streaming": "made for the server's own tests",
		"log_planner_stats":                   "excluded by log_statement_stats",
		"log_parser_stats":                    "the server's log",
		"log_executor_stats":                  "the server's log",
	}
}

// Every other switch, whatever this server's version has, is turned at once, then every other choice.
func TestEverySwitchTurnedTheOtherWayHasNoEffect(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "UTF8")
	turned := p.turn(`SELECT name, CASE boot_val WHEN 'on' THEN 'off' ELSE 'on' END FROM pg_settings
		WHERE context IN ('user', 'superuser') AND vartype = 'bool'`)
	if turned < 40 {
		t.Errorf("turned %d switches, want at least 40", turned)
	}
	p.works()
}

func TestEveryOtherChoiceHasNoEffect(t *testing.T) {
	t.Parallel()
	for name, pick := range map[string]string{"first": "enumvals[1]", "last": "enumvals[array_upper(enumvals, 1)]"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "UTF8")
			if turned := p.turn(`SELECT name, ` + pick + ` FROM pg_settings WHERE context IN ('user', 'superuser') AND vartype = 'enum'`); turned < 8 {
				t.Errorf("turned %d choices, want at least 8", turned)
			}
			p.works()
		})
	}
}

// turn gives each setting of a query its value as the database's default, but the indifferent ones.
func (p *place) turn(query string) (turned int) {
	p.Helper()
	rows, err := p.admin.QueryContext(p.Context(), query)
	if err != nil {
		p.Fatal(err)
	}
	defer rows.Close()
	values := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			p.Fatal(err)
		}
		values[name] = value
	}
	if err := rows.Err(); err != nil {
		p.Fatal(err)
	}
	for name, value := range values {
		if _, skip := indifferent()[name]; !skip {
			p.set("database", name, "'"+value+"'")
			turned++
		}
	}
	return turned
}

func TestADatabaseOfAnotherEncodingIsRefused(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"SQL_ASCII", "EUC_JP", "LATIN1"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			err := migrations.Up(t.Context(), newPlace(t, encoding).url)
			refusedWith(t, err, "is encoded in "+encoding, "needs UTF8", "ENCODING 'UTF8'", "DATABASE_URL")
		})
	}
}

func TestADefaultThatPayonceCantChangeIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "UTF8")
	p.set("role", "session_replication_role", "'replica'")
	refusedWith(t, migrations.Up(t.Context(), p.url), "session_replication_role", "replica", "RESET session_replication_role")
}

func TestASearchPathThatLeadsNowhereIsRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"''", "missing"} {
		p := newPlace(t, "UTF8")
		p.exec("ALTER ROLE " + p.role + " SET search_path = " + path)
		refusedWith(t, migrations.Up(t.Context(), p.url), "search_path", "leads to no schema", "?search_path=public")
		if err := migrations.Up(t.Context(), p.url+"&search_path=public"); err != nil {
			t.Errorf("with the way out that the message names: %v", err)
		}
	}
}

// A schema with the role's name comes before public in the default search_path.
func TestASearchPathThatHidesTheTablesIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "UTF8")
	p.works()
	p.query("CREATE SCHEMA " + p.role)
	refusedWith(t, migrations.Up(t.Context(), p.url), `in schema "public"`, p.role, "search_path=public")
	p.url += "&search_path=public"
	p.direct = p.url
	p.works()
}

func TestASearchPathMayNameAnotherSchema(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "UTF8")
	p.query("CREATE SCHEMA till")
	p.exec("ALTER ROLE " + p.role + " SET search_path = till")
	p.works()
}

func refusedWith(t *testing.T, err error, parts ...string) {
	t.Helper()
	if !errors.Is(err, session.ErrUnfit) {
		t.Fatalf("got %v, want %v", err, session.ErrUnfit)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want it to say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("got more than one line: %q", err)
	}
}
