package main

import (
	"context"
	"strings"

	"github.com/payonce/payonce/bench/load"
	"github.com/payonce/payonce/idempotency/postgres/schema"
)

// The paths of a service of its own (bench/own).
const (
	ownPlain        = "own: plain"
	ownAutocommit   = "own: plain, autocommit"
	ownNaive        = "own: naive"
	ownProtectTx    = "own: ProtectTx"
	ownProtectAlone = "own: ProtectTx without Redis"
	ownProtect      = "own: Protect"
	ownProtectGORM  = "own: ProtectTx, GORM"
	ownDo           = "own: Engine.Do"
	ownPlainCall    = "own: plain call"
	ownNaiveCall    = "own: naive call"
	ownCall         = "own: claim, call, complete"
)

// The same row behind other libraries (bench/fiber, bench/dbos).
const (
	otherFiber    = "Fiber's middleware"
	otherStep     = "DBOS, step"
	otherTx       = "DBOS, transaction"
	otherExternal = "DBOS, external call"
)

const ownTables = `
	CREATE TABLE notes   (id uuid PRIMARY KEY, text  text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
	CREATE TABLE tickets (id uuid PRIMARY KEY, state text NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`

// startOwn starts that service on a database of its own, once with Redis and once without.
func (t *site) startOwn(ctx context.Context) error {
	database, err := t.stage.ownDatabase(ctx)
	if err != nil {
		return err
	}
	charges, err := t.stage.child(ctx, "charges", "own", []string{"charges"}, nil)
	if err != nil {
		return err
	}
	t.stage.called = append(t.stage.called, charges)
	env := map[string]string{"DATABASE_URL": database, "CHARGE_URL": "http://" + charges.address}
	if t.ownAlone, err = t.stage.child(ctx, "own service without Redis", "own", nil, env); err != nil {
		return err
	}
	env["REDIS_URL"] = t.redis
	if t.own, err = t.stage.child(ctx, "own service", "own", nil, env); err != nil || !t.others {
		return err
	}
	return t.startOthers(ctx, env)
}

// ownDatabase makes a database for that service.
func (s *stage) ownDatabase(ctx context.Context) (string, error) {
	database, err := s.emptyDatabase(ctx, ownTables)
	if err != nil {
		return "", err
	}
	return database, schema.Migrate(ctx, database, schema.Options{})
}

// startOthers starts the services on other libraries, on the same tables.
func (t *site) startOthers(ctx context.Context, env map[string]string) (err error) {
	env["ADDR"], env["ADMIN_ADDR"] = "127.0.0.1:0", "127.0.0.1:0"
	if t.fiber, err = t.stage.child(ctx, "Fiber", "fiber", nil, env); err != nil {
		return err
	}
	if env["DBOS_DATABASE_URL"], err = t.stage.emptyDatabase(ctx, ""); err != nil {
		return err
	}
	t.dbos, err = t.stage.child(ctx, "DBOS", "dbos", nil, env)
	return err
}

const noteBody = `{"text":"twenty-five characters ok"}`

// notesAt posts a note with the keys that key gives.
func (t *site) notesAt(path string, key func(b []byte, i int) []byte) load.Source {
	return t.post(path, key, func(b []byte, _ int) []byte { return append(b, noteBody...) }, len(noteBody))
}

// ownVariants are the paths of that service, with and without payonce.
func (t *site) ownVariants() (variants []*variant) {
	for _, v := range []struct {
		name   string
		server *child
		path   string
	}{
		{ownPlain, t.own, "/plain"},
		{ownAutocommit, t.own, "/plain-autocommit"},
		{ownNaive, t.own, "/naive"},
		{ownProtectTx, t.own, "/protect-tx"},
		{ownProtectAlone, t.ownAlone, "/protect-tx"},
		{ownProtect, t.own, "/protect"},
		{ownProtectGORM, t.own, "/protect-gorm"},
		{ownDo, t.own, "/do"},
		{ownPlainCall, t.own, "/call-plain"},
		{ownNaiveCall, t.own, "/call-naive"},
		{ownCall, t.own, "/call"},
		{otherFiber, t.fiber, "/notes"},
		{otherStep, t.dbos, "/notes"},
		{otherTx, t.dbos, "/notes-tx"},
		{otherExternal, t.dbos, "/external"},
	} {
		if v.server == nil {
			continue
		}
		key := t.numbered(strings.NewReplacer(": ", "-", ", ", "-", " ", "-", "'", "").Replace(v.name))
		variants = append(variants, t.fresh(v.name, v.server, t.notesAt(v.path, key), ""))
	}
	return variants
}
