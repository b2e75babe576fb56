package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/payonce/payonce/test/overlay"
)

// protection is something that a first request pays for. A build of the service of one's own leaves it out, for the benchmark only: to
// show what it costs.
type protection struct {
	name  string
	loses string // what happens without it
	edits []overlay.Edit
	sql   string // run on its database; empty: nothing
}

// allProtections is the service as it is, in the table.
const allProtections = "own: all protections"

// protections are those of a plain handler behind ProtectTx with Redis.
func protections() []protection {
	return []protection{
		{
			name: "the rules of a record", loses: "the database no longer refuses a stored 500, or an outcome that is changed",
			sql: `ALTER TABLE idempotency_keys DISABLE TRIGGER idempotency_guard`,
		},
		{
			name: "the key's lock", loses: "a copy at another replica waits with a connection in its hand",
			edits: []overlay.Edit{{
				At: "postgres.sqlInsertFirst", Old: `WHERE 1/pg_try_advisory_xact_lock($15::bigint)::int = 1 AND`, New: `WHERE $15::bigint IS NOT NULL AND`,
			}},
		},
		{
			name: "one spelling of the body", loses: "a client that sorts its JSON in another way is refused as another request",
			edits: []overlay.Edit{{At: "middleware.Idempotency.request", Old: `if mediaType == jsonType {`, New: `if mediaType == "" {`}},
		},
		{
			name: "the fingerprint", loses: "another request under the same key gets this one's answer",
			edits: []overlay.Edit{{
				At: "idempotency.NewFingerprint", Old: `return computations()[0].fingerprint(method, rawQuery, spelling{path, bareMediaType(mediaType), canonicalBody})`,
				New: `return Fingerprint{1}, nil`,
			}},
		},
		{
			name: "the look-up and the marker in Redis", loses: "copies at other replicas all reach PostgreSQL",
			edits: []overlay.Edit{{
				At: "redis.Cache.LookupAndMark", Old: `mine := marker{`,
				New: `if ctx != nil {
					return idempotency.LookupResult{Admission: idempotency.Admission{Allowed: true}, Unseen: true}
				}
				mine := marker{`,
			}},
		},
		{
			name: "the publication to Redis", loses: "replays at other replicas come from PostgreSQL",
			edits: []overlay.Edit{{At: "redis.Cache.Publish", Old: `c.publisher.await(e)`, New: `_ = e`}},
		},
		{
			name: "the signatures of values in Redis", loses: "whoever writes to Redis decides what is replayed",
			edits: []overlay.Edit{
				{At: "redis.valueCodec.signed", Old: `tag := c.sign[0].sum(b)`, New: `var tag [32]byte`},
				{At: "redis.valueCodec.verified", Old: `for _, key := range c.sign {`, New: `if len(tag) == 32 {
					return true
				}
				for _, key := range c.sign {`},
			},
		},
	}
}

// protections measures first requests of a service of one's own as it is, and without each of its protections.
func (s *stage) protections(ctx context.Context, o options, r *report, progress func(string)) error {
	t, err := s.openSite(ctx, "protections", 0, nil)
	if err != nil {
		return err
	}
	list := append([]protection{{name: allProtections}}, protections()...)
	variants := make([]*variant, len(list))
	for i, p := range list {
		progress("building: " + p.name)
		server, err := s.without(ctx, t, p, fmt.Sprintf("own-%d", i))
		if err != nil {
			return fmt.Errorf("without %s: %w", p.name, err)
		}
		variants[i] = t.fresh(p.name, server, t.notesAt("/protect-tx", t.numbered(fmt.Sprintf("protection%d", i))), "")
	}
	all, err := rounds(ctx, variants, o, progress)
	if err != nil {
		return err
	}
	r.add(all)
	for _, f := range all[1:] {
		r.Verdicts = append(r.Verdicts, verdict{
			Name: f.name + ": without / with", Value: spreadOf(ratios(f.rates(), all[0].rates())),
			Processor: median(ratios(all[0].processor(), f.processor())),
		})
	}
	for _, p := range list[1:] {
		r.Notes = append(r.Notes, "without "+p.name+": "+p.loses)
	}
	return nil
}

// without starts the service of one's own without a protection, on a database of its own. program is the name of its build.
func (s *stage) without(ctx context.Context, t *site, p protection, program string) (*child, error) {
	if err := buildWithout(ctx, p, filepath.Join(s.programs, program)); err != nil {
		return nil, err
	}
	database, err := s.ownDatabase(ctx)
	if err == nil && p.sql != "" {
		err = s.exec(ctx, database, p.sql)
	}
	if err != nil {
		return nil, err
	}
	return s.child(ctx, "own service without "+p.name, program, nil, map[string]string{"DATABASE_URL": database, "REDIS_URL": t.redis})
}

// buildWithout builds the service of one's own with a protection's edits.
func buildWithout(ctx context.Context, p protection, program string) (err error) {
	root, err := overlay.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	texts, _, err := overlay.Apply(root, p.edits, nil)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "payonce-bench-overlay-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file, err := overlay.Write(root, folder, texts)
	if err != nil {
		return err
	}
	return goBuild(ctx, filepath.Join(root, "bench", "own"), program, "-overlay", file)
}
