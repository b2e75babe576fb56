package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxJump bounds how wrong PostgreSQL's clock is: more than a lease, less than a retention.
const maxJump = 4500 * time.Millisecond

// makeClock puts functions of ours before PostgreSQL's own, which all later sessions call instead: leases, retentions and
// what replicas take for the time follow them. Columns' defaults and the times of commits do not. The tables move into the
// schema of these functions: a service refuses a search_path on which another schema comes before its tables.
func makeClock(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE SCHEMA skewed;
		CREATE TABLE skewed.clock (wrong_by interval NOT NULL);
		INSERT INTO skewed.clock VALUES ('0');
		CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
			AS 'SELECT pg_catalog.clock_timestamp() + wrong_by FROM skewed.clock';
		CREATE FUNCTION skewed.now() RETURNS timestamptz LANGUAGE sql STABLE
			AS 'SELECT pg_catalog.now() + wrong_by FROM skewed.clock';
		DO $$ DECLARE t name; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
			EXECUTE format('ALTER TABLE public.%I SET SCHEMA skewed', t); END LOOP; END $$;
		DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = skewed, pg_catalog, public', current_database()); END $$`)
	return errors.Join(err, conn.Close(ctx))
}

// jumpClock sets PostgreSQL's clock forward or back for a while.
func (w *world) jumpClock(s strike) {
	jump := maxJump * time.Duration(s.bytes-150) / 150
	w.setClock(jump)
	w.pause(s.length)
	w.setClock(0)
}

// setClock tries until the server is there.
func (w *world) setClock(wrongBy time.Duration) {
	var err error
	if !w.wait(restartLimit, func() bool {
		_, err = w.db.ExecContext(context.Background(), "UPDATE skewed.clock SET wrong_by = $1::text::interval", fmt.Sprint(wrongBy.Microseconds(), " microseconds"))
		return err == nil
	}) {
		w.t.Errorf("set PostgreSQL's clock: %v", err)
	}
}
