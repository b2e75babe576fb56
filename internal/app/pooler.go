package app

import (
	"context"
	"log/slog"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/postgres/session"
	"github.com/payonce/payonce/internal/config"
)

// fitMode is the mode of sending statements that the configuration asks for, or, behind a pooler that loses prepared ones, the mode
// that works there: otherwise many statements would fail, some only under load. The server was reached before.
func fitMode(ctx context.Context, cfg config.Config, url string, log *slog.Logger) (string, error) {
	if cfg.DBExecMode == "exec" {
		return cfg.DBExecMode, nil
	}
	keeps, err := session.KeepsStatements(ctx, url)
	if err != nil || keeps {
		return cfg.DBExecMode, err
	}
	log.WarnContext(ctx, "a pooler before PostgreSQL loses prepared statements between transactions: going on without them, as with DB_EXEC_MODE=exec",
		"advice", "set DB_EXEC_MODE=exec, or use PgBouncer 1.21 or newer with max_prepared_statements above 0")
	return "exec", nil
}

// openForCommand opens the few connections that a command needs.
func openForCommand(ctx context.Context, cfg config.Config, url string, log *slog.Logger) (*postgres.Database, error) {
	mode, err := fitMode(ctx, cfg, url, log)
	if err != nil {
		return nil, err
	}
	return postgres.Open(url, postgres.Options{MaxConns: 2, ExecMode: mode, Log: log})
}
