package main

import (
	"context"
	"strings"

	"github.com/payonce/payonce/idempotency/postgres/schema"
)

// The paths of a service of its own (bench/own).
const (
	ownPlain        = "own: plain"
	ownPlainBegin   = "own: plain, BEGIN and COMMIT"
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

const ownTables = `
	CREATE TABLE notes   (id uuid PRIMARY KEY, text  text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
	CREATE TABLE tickets (id uuid PRIMARY KEY, state text NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`

// startOwn starts that service on a database of its own, once with Redis and once without.
func (t *site) startOwn(ctx context.Context) error {
	database, err := t.stage.emptyDatabase(ctx, ownTables)
	if err != nil {
		return err
	}
	if err := schema.Migrate(ctx, database, schema.Options{}); err != nil {
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
	t.own, err = t.stage.child(ctx, "own service", "own", nil, env)
	return err
}

const noteBody = `{"text":"twenty-five characters ok"}`

// ownVariants are the paths of that service, with and without payonce.
func (t *site) ownVariants() (variants []*variant) {
	note := func(b []byte, _ int) []byte { return append(b, noteBody...) }
	for _, v := range []struct {
		name   string
		server *child
		path   string
	}{
		{ownPlain, t.own, "/plain"},
		{ownPlainBegin, t.own, "/plain-begin"},
		{ownNaive, t.own, "/naive"},
		{ownProtectTx, t.own, "/protect-tx"},
		{ownProtectAlone, t.ownAlone, "/protect-tx"},
		{ownProtect, t.own, "/protect"},
		{ownProtectGORM, t.own, "/protect-gorm"},
		{ownDo, t.own, "/do"},
		{ownPlainCall, t.own, "/call-plain"},
		{ownNaiveCall, t.own, "/call-naive"},
		{ownCall, t.own, "/call"},
	} {
		key := t.numbered(strings.NewReplacer(": ", "-", ", ", "-", " ", "-").Replace(v.name))
		variants = append(variants, t.fresh(v.name, v.server, t.post(v.path, key, note, len(noteBody)), ""))
	}
	return variants
}
