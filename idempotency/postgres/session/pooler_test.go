package session_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/payonce/payonce/migrations"
)

// pooled returns the URL of the place behind something that takes the start-up parameters that PgBouncer takes, and refuses
// all others in PgBouncer's words.
func (p *place) pooled() string {
	p.Helper()
	config, err := pgx.ParseConfig(p.url)
	if err != nil {
		p.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	server := filepath.Join(config.Host, fmt.Sprintf(".s.PGSQL.%d", config.Port))
	var group sync.WaitGroup
	group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { pool(client, server) })
		}
	})
	p.Cleanup(func() {
		_ = listener.Close()
		group.Wait()
	})
	address := url.URL{Scheme: "postgres", User: url.User(p.role), Host: listener.Addr().String(), Path: p.database, RawQuery: "sslmode=disable"}
	return address.String()
}

// pool forwards one session to a server's socket, or refuses it.
func pool(client net.Conn, server string) {
	defer func() { _ = client.Close() }()
	backend := pgproto3.NewBackend(client, client)
	message, err := backend.ReceiveStartupMessage()
	start, ok := message.(*pgproto3.StartupMessage)
	if err != nil || !ok {
		return
	}
	takes := []string{"user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"}
	for name := range start.Parameters {
		if !slices.Contains(takes, strings.ToLower(name)) {
			backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: " + name})
			_ = backend.Flush()
			return
		}
	}
	upstream, err := (&net.Dialer{}).DialContext(context.Background(), "unix", server)
	if err != nil {
		return
	}
	defer func() { _ = upstream.Close() }()
	first, err := start.Encode(nil)
	if err != nil {
		return
	}
	if _, err := upstream.Write(first); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(upstream, client)
		_ = upstream.Close()
	}()
	_, _ = io.Copy(client, upstream)
}

func TestAPoolerThatRefusesStartUpParametersGetsThoseItKnows(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "UTF8")
	for setting, value := range map[string]string{
		"DateStyle": "'German'", "standard_conforming_strings": "off", "client_encoding": "'LATIN1'", "synchronous_commit": "off",
		"IntervalStyle": "'sql_standard'", "lock_timeout": "'500ms'",
	} {
		p.set("role", setting, value)
	}
	p.url = p.pooled()
	p.works()
}

func TestADefaultThatAPoolerKeepsFromBeingChangedIsRefused(t *testing.T) {
	t.Parallel()
	for setting, value := range map[string]string{
		"bytea_output": "escape", "default_transaction_isolation": "serializable", "statement_timeout": "1000ms", "exit_on_error": "on",
		"extra_float_digits": "-15", "idle_session_timeout": "5000ms",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "UTF8")
			p.set("role", setting, "'"+value+"'")
			refusedWith(t, migrations.Up(t.Context(), p.pooled()), setting, value, p.role, "RESET "+setting)
		})
	}
}
