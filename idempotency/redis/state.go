package redis

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// state is what is known of Redis: usable or not, and why. Two things know it: the breaker, from what requests
// meet, and the cache's probe (probe.go), which also knows it when there are no requests. There is one log line
// per change, and none when the other notices it, too.
type state struct {
	log     *slog.Logger
	observe Observer
	secrets []string // that an error reply could repeat

	mu       sync.Mutex
	breaker  bool // the breaker keeps Redis from being asked
	probe    bool // the last probes failed
	told     bool // the log says that Redis is away
	toldCode string
	reason   string
	since    time.Time // when told was set; zero while it is not
}

// away says why Redis can't be used; ok is false while it can.
func (s *state) away() (reason string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason, s.breaker || s.probe
}

// awaySince is when Redis was found away; zero while it can be used.
func (s *state) awaySince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since
}

func (s *state) setBreaker(away bool, cause error) {
	s.set(func() { s.breaker = away }, cause)
}

func (s *state) setProbe(away bool, cause error) {
	s.set(func() { s.probe = away }, cause)
}

// set changes what is known, and says so when Redis goes, when it is back, and when it refuses for another reason.
func (s *state) set(change func(), cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	if !s.breaker && !s.probe {
		if s.told {
			s.observe.RedisAway(false)
			s.log.Info("Redis is back")
		}
		s.told, s.toldCode, s.reason, s.since = false, "", "", time.Time{}
		return
	}
	if cause == nil {
		return
	}
	code := replyCode(cause)
	if s.told && (code == "" || code == s.toldCode) {
		return
	}
	if !s.told {
		s.observe.RedisAway(true)
		s.since = time.Now()
	}
	s.reason = s.describe(cause)
	s.told, s.toldCode = true, code
	attrs := []any{"reason", s.reason}
	if advice := advice(cause); advice != "" {
		attrs = append(attrs, "advice", advice)
	}
	s.log.Warn("Redis is away: requests go on without it, rates are limited per process", attrs...)
}

// changed is the breaker's news. Its probes in between, open to half-open and back each second, are none.
func (s *state) changed(from, to gobreaker.State, last *commandError) {
	switch {
	case from == gobreaker.StateClosed && to == gobreaker.StateOpen:
		if last == nil {
			last = &commandError{OutcomeUnreachable, errors.New("no reason is known")}
		}
		s.setBreaker(true, last)
	case to == gobreaker.StateClosed:
		s.setBreaker(false, nil)
	}
}

const longestReason = 300 // bytes

// describe is an error in one line and without secrets: a server that doesn't know AUTH repeats the password.
func (s *state) describe(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n") // the first of a pipeline's
	text, _, _ = strings.Cut(text, ", with args beginning with")
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	if len(text) > longestReason {
		text = strings.ToValidUTF8(text[:longestReason], "") + "…"
	}
	return text
}

// replyCode is the first word of an error reply, "" when there was no reply.
func replyCode(err error) string {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return ""
	}
	code, _, _ := strings.Cut(reply.Error(), " ")
	return code
}

const rights = "allow the user the commands SET, GET, DEL, EVAL, EVALSHA, SCRIPT LOAD and TIME on the keys idem:* and rl:*"

// advices are what to do about the refusals that operators meet. The text is looked for in the whole error,
// because some are wrapped and some begin with a plain ERR.
var advices = []struct{ text, advice string }{
	{"WRONGPASS", "check the user and the password in REDIS_URL"},
	{"NOAUTH", "add the user and the password to REDIS_URL: redis://USER:PASSWORD@HOST:6379/0"},
	{"AUTH", "check the user and the password in REDIS_URL"},
	{"NOPERM", rights},
	{"user executing the script", rights},
	{"DB index", "check the number of the database in REDIS_URL"},
	{"SELECT", "check the number of the database in REDIS_URL"},
	{"READONLY", "REDIS_URL has to name the primary, not a replica"},
	{"MISCONF", "Redis can't save to its disk: see its log, or switch saving off, for payonce keeps nothing there that must last"},
	{"OOM", "give Redis more memory, or maxmemory-policy allkeys-lru"},
	{"LOADING", "Redis is loading its data, and will be usable when it has"},
	{"unknown command", "payonce needs Redis 6 or newer, or Valkey"},
	{"first record does not look like a TLS handshake", "this server doesn't speak TLS: write redis:// in REDIS_URL, not rediss://"},
	{"x509:", "the certificate of this server is not trusted: add its authority to the system's"},
	{"EOF", "the server closed the connection: if it expects TLS, write rediss://, and if it knows none, redis:// in REDIS_URL"},
}

func advice(err error) string {
	for _, a := range advices {
		if strings.Contains(err.Error(), a.text) {
			return a.advice
		}
	}
	return ""
}

// secretsOf are the passwords that a client sends.
func secretsOf(client redis.UniversalClient) []string {
	var password string
	switch c := client.(type) {
	case *redis.Client:
		password = c.Options().Password
	case *redis.ClusterClient:
		password = c.Options().Password
	}
	if password == "" {
		return nil
	}
	return []string{password}
}
