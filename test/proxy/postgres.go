package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Postgres is a proxy in front of a PostgreSQL. It knows a COMMIT in a simple query, in a batch of the extended protocol,
// and as a statement that was prepared long before.
type Postgres struct {
	*Proxy
	url string
}

// NewPostgres starts a proxy in front of the server of a database URL, which is not asked yet. It speaks no TLS.
func NewPostgres(ctx context.Context, databaseURL string) (*Postgres, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err) // pgx redacts the password
	}
	network, server := "tcp", net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	if filepath.IsAbs(config.Host) {
		network, server = "unix", filepath.Join(config.Host, fmt.Sprintf(".s.PGSQL.%d", config.Port))
	}
	proxy, err := start(ctx, network, server, newPostgresSpeech)
	if err != nil {
		return nil, err
	}
	through := url.URL{Scheme: "postgres", Host: proxy.Address(), Path: "/" + config.Database, User: url.User(config.User)}
	if config.Password != "" {
		through.User = url.UserPassword(config.User, config.Password)
	}
	query := url.Values{"sslmode": {"disable"}}
	for name, value := range config.RuntimeParams {
		query.Set(name, value)
	}
	through.RawQuery = query.Encode()
	return &Postgres{Proxy: proxy, url: through.String()}, nil
}

// URL is the database's address through the proxy.
func (p *Postgres) URL() string { return p.url }

// postgresSpeech understands one connection: PostgreSQL's protocol 3.0, chapter "Message Formats" of its manual.
type postgresSpeech struct {
	proxy *Proxy

	mu       sync.Mutex
	started  bool              // the startup message has passed; from then on a message begins with its type
	prepared map[string]string // SQL by the statement's name
	portals  map[string]string // SQL by the portal's name
	said     []string          // SQL executed in this transaction
	idle     bool              // the server has said that no transaction is open
	loses    *Armed            // the answer to the COMMIT that is on its way
	batch    [][]byte          // the messages of a batch that is looked at whole, because one may be stranded
}

func newPostgresSpeech(p *Proxy) speech {
	return &postgresSpeech{proxy: p, prepared: map[string]string{}, portals: map[string]string{}}
}

func (s *postgresSpeech) frame(dir direction, b []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := 1
	if dir == toServer && !s.started {
		head = 0
	}
	if len(b) < head+4 {
		return 0
	}
	size := head + int(binary.BigEndian.Uint32(b[head:]))
	if size < head+4 || len(b) < size {
		return 0
	}
	return size
}

// text is the transaction so far; what the last one said is no part of what comes between the two, as when statements are prepared.
func (s *postgresSpeech) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle {
		return ""
	}
	return strings.Join(s.said, "\n")
}

func (s *postgresSpeech) see(dir direction, unit []byte) verdict {
	pass := verdict{out: unit}
	if dir == toClient {
		return s.answered(unit, pass)
	}
	sql, executes := s.asked(unit)
	if len(s.batch) > 0 || (bytes.IndexByte([]byte("PBDEC"), unit[0]) >= 0 && s.proxy.waits(Strand)) {
		return s.wholeBatch(unit)
	}
	if !executes || !commits(sql) {
		return pass
	}
	if cut := s.proxy.take(CutBeforeCommit, s.text); cut != nil {
		return verdict{cut: cut}
	}
	loses := s.proxy.take(CutAfterCommit, s.text)
	s.mu.Lock()
	s.loses = loses
	s.mu.Unlock()
	pass.hold = s.proxy.take(HoldCommit, s.text)
	return pass
}

// wholeBatch keeps messages back until their batch is whole (Sync, or Flush), so that all that it says can be matched. Then
// they pass, or a part of them does.
func (s *postgresSpeech) wholeBatch(unit []byte) verdict {
	s.batch = append(s.batch, bytes.Clone(unit))
	if unit[0] != 'S' && unit[0] != 'H' {
		return verdict{}
	}
	batch := s.batch
	s.batch = nil
	strand := s.proxy.take(Strand, s.text)
	if strand == nil {
		return verdict{out: bytes.Join(batch, nil)}
	}
	return verdict{out: prefix(batch, strand.fault), strand: strand}
}

// prefix is what passes of a batch: so many statements, up to their Execute, and so many bytes of the next message. Its end
// never passes.
func prefix(batch [][]byte, fault Fault) (out []byte) {
	statements, pass := 0, fault.Statements
	if pass < 0 {
		for _, unit := range batch {
			if unit[0] == 'E' {
				pass++
			}
		}
	}
	for _, unit := range batch[:len(batch)-1] {
		if statements == pass {
			return append(out, unit[:min(fault.Bytes, len(unit))]...)
		}
		out = append(out, unit...)
		if unit[0] == 'E' {
			statements++
		}
	}
	return out
}

// asked notes what the client says, and returns the SQL that this message executes, if it does.
func (s *postgresSpeech) asked(unit []byte) (sql string, executes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started = true
		return "", false
	}
	body := unit[5:]
	switch unit[0] {
	case 'P':
		var m pgproto3.Parse
		if m.Decode(body) == nil {
			s.prepared[m.Name] = m.Query
		}
	case 'B':
		var m pgproto3.Bind
		if m.Decode(body) == nil {
			s.portals[m.DestinationPortal] = s.prepared[m.PreparedStatement]
		}
	case 'C':
		var m pgproto3.Close
		if m.Decode(body) == nil && m.ObjectType == 'S' {
			delete(s.prepared, m.Name)
		}
	case 'E':
		var m pgproto3.Execute
		if m.Decode(body) == nil {
			sql, executes = s.portals[m.Portal], true
		}
	case 'Q':
		var m pgproto3.Query
		if m.Decode(body) == nil {
			sql, executes = m.String, true
		}
	}
	if executes {
		if s.idle {
			s.said, s.idle = nil, false
		}
		s.said = append(s.said, sql)
	}
	return sql, executes
}

// answered looks for the end of a COMMIT.
func (s *postgresSpeech) answered(unit []byte, pass verdict) verdict {
	s.mu.Lock()
	loses := s.loses
	switch unit[0] {
	case 'Z': // the server is ready for the next batch
		s.idle = len(unit) > 5 && unit[5] == 'I'
		s.loses = nil
	case 'C':
		var m pgproto3.CommandComplete
		if loses == nil || m.Decode(unit[5:]) != nil || string(m.CommandTag) != "COMMIT" {
			break
		}
		s.loses = nil
		pass = verdict{out: unit[:min(loses.fault.Bytes, len(unit))], cut: loses}
	}
	s.mu.Unlock()
	if unit[0] == 'Z' && loses != nil { // the COMMIT was refused, or became a rollback
		s.proxy.giveBack(loses)
	}
	return pass
}

// commits tells whether one of the statements of a query is COMMIT.
func commits(sql string) bool {
	return slices.ContainsFunc(strings.Split(sql, ";"), func(statement string) bool {
		statement = strings.ToUpper(strings.TrimSpace(statement))
		return statement == "COMMIT" || statement == "END"
	})
}
