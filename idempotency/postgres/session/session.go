// Package session opens connections to PostgreSQL whose settings are payonce's own, whatever the database, the role or
// the server has for its defaults. The service's pools and the migrations connect through it and in no other way.
//
// A session's settings travel in its start-up packet. There they outrank what ALTER ROLE and ALTER DATABASE say, cover
// statements outside transactions as well, and cost no round trip. PgBouncer refuses the start-up parameters that it
// doesn't know; then only those that it knows are sent, each transaction still sets its own limits and its isolation
// level, and [Check] refuses a default that neither of the two can change.
package session

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/payonce/payonce/internal/safeurl"
)

// Name is the application_name of the service's sessions, by which they are known in pg_stat_activity.
const Name = "payonce"

// MigrationsName is the application_name of the migrations' sessions.
const MigrationsName = "payonce migrations"

// connectTimeout bounds one attempt to connect, unless the URL has a connect_timeout of its own.
const connectTimeout = 3 * time.Second

// Options say how sessions differ from each other.
type Options struct {
	Name string // application_name
	Exec bool   // no prepared statements: for statements used once, and for PgBouncer older than 1.21 in transaction mode
	// Settings are start-up parameters on top of payonce's own, or in their place.
	Settings map[string]string
	// Tracer follows the statements that are sent one by one; nil: nothing does.
	Tracer pgx.QueryTracer
}

// Connector makes sessions for a [database/sql] pool. It is safe for concurrent use.
type Connector struct {
	full  driver.Connector // with all settings
	known driver.Connector // with those only that every pooler knows
	plain atomic.Bool      // the peer is known to refuse the full set
}

var _ driver.Connector = (*Connector)(nil)

// New prepares connections to the database of a URL, which is not asked yet. It fails when the URL is malformed; the error
// and those of [Connector.Connect] hold no password.
func New(databaseURL string, opt Options) (*Connector, error) {
	if err := safeurl.Postgres(databaseURL); err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		if wrong := wrongParameter(databaseURL); wrong != nil {
			return nil, fmt.Errorf("database URL: %w", wrong)
		}
		return nil, fmt.Errorf("database URL: %w", safeurl.Cause(err, databaseURL))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if opt.Exec {
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	config.DialFunc, config.Tracer = dialToConnect, opt.Tracer
	known := config.Copy()
	maps.Copy(known.RuntimeParams, pooled())
	known.RuntimeParams["application_name"] = opt.Name
	full := known.Copy()
	maps.Copy(full.RuntimeParams, direct())
	maps.Copy(full.RuntimeParams, opt.Settings)
	return &Connector{
		full: connector(*full, databaseURL), known: connector(*known, databaseURL),
	}, nil
}

func connector(config pgx.ConnConfig, databaseURL string) driver.Connector {
	return safeurl.Connector(stdlib.GetConnector(config, stdlib.OptionResetSession(reuse)), databaseURL)
}

// reuse lets the pool throw a connection away that has ended while nothing was asked on it, and take another one. It is
// asked before anything is sent, so nothing has to be sent again.
func reuse(_ context.Context, conn *pgx.Conn) error {
	if closed(conn.PgConn().Conn()) {
		return driver.ErrBadConn
	}
	return nil
}

// Connect implements [driver.Connector].
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx = context.WithValue(ctx, connecting{}, true)
	if c.plain.Load() {
		return c.known.Connect(ctx)
	}
	conn, err := c.full.Connect(ctx)
	if err == nil || !refusesSettings(err) {
		return conn, err
	}
	conn, plainErr := c.known.Connect(ctx)
	if plainErr != nil {
		return nil, err
	}
	c.plain.Store(true)
	return conn, nil
}

// Pooled reports whether a pooler was met that refuses a session's settings: each transaction has to bring its limits then. It is known
// once a connection was made.
func (c *Connector) Pooled() bool { return c.plain.Load() }

// Driver implements [driver.Connector].
func (c *Connector) Driver() driver.Driver { return c.full.Driver() }

// refusesSettings is true when the peer refused a start-up parameter and not the session: protocol_violation is
// PgBouncer's word for one that it doesn't know; the others are a server's that has no such setting or doesn't take its value.
func refusesSettings(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch refused.Code {
	case "08P01", "42704", "22023", "42501", "0A000":
		return true
	}
	return false
}

// How a silent peer is found out: after 5 s without a word it is asked every 2 s, and given up after 3 questions. What was
// sent and not acknowledged is given up after peerTimeout.
const (
	keepAliveIdle     = 5 * time.Second
	keepAliveInterval = 2 * time.Second
	keepAliveCount    = 3
	peerTimeout       = 10 * time.Second
)

// connecting marks the context of a new session.
type connecting struct{}

var errNoCancel = errors.New("statements are not canceled: the server limits them by time-outs of its own")

// dialToConnect dials for new sessions and for nothing else. A driver that gives a connection up dials another time, to ask the
// server to cancel what runs there. That may be a COMMIT that waits for a synchronous standby, and to cancel the wait is to let
// everybody see what only the primary has: it would be acknowledged, and lost with the primary (PostgreSQL manual, 27.2.8).
// Anything else ends by its statement_timeout, which is shorter than the time after which a connection is given up.
func dialToConnect(ctx context.Context, network, address string) (net.Conn, error) {
	if ctx.Value(connecting{}) == nil {
		return nil, errNoCancel
	}
	return dialer().DialContext(ctx, network, address)
}

func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount,
		},
		Control: limitSilence,
	}
}
