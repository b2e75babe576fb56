package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// remembered is how many values a proxy keeps for SwapReply.
const remembered = 64

// Redis is a proxy in front of a Redis. It knows which reply answers which command, also in a pipeline.
type Redis struct {
	*Proxy
	url string
}

// NewRedis starts a proxy in front of the server of a redis:// or unix:// URL, which is not asked yet. It speaks no TLS.
func NewRedis(ctx context.Context, redisURL string) (*Redis, error) {
	options, err := redis.ParseURL(redisURL)
	if err != nil || options.TLSConfig != nil {
		return nil, errors.New("redis URL: want redis:// or unix://") // not wrapped: it may quote the password
	}
	values := &seenValues{}
	proxy, err := start(ctx, options.Network, options.Addr, func(p *Proxy) speech {
		return &redisSpeech{proxy: p, values: values}
	})
	if err != nil {
		return nil, err
	}
	through := url.URL{Scheme: "redis", Host: proxy.Address(), Path: fmt.Sprintf("/%d", options.DB)}
	if options.Username != "" || options.Password != "" {
		through.User = url.UserPassword(options.Username, options.Password)
	}
	return &Redis{Proxy: proxy, url: through.String()}, nil
}

// URL is the server's address through the proxy.
func (r *Redis) URL() string { return r.url }

// redisSpeech understands one connection: RESP 2 and 3.
type redisSpeech struct {
	proxy  *Proxy
	values *seenValues

	mu       sync.Mutex
	commands [][]string // sent, not answered yet
	said     []string   // of this turn
	answered bool
}

func (s *redisSpeech) frame(_ direction, b []byte) int { return respLength(b) }

func (s *redisSpeech) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, "\n")
}

func (s *redisSpeech) see(dir direction, unit []byte) verdict {
	if dir == toServer {
		s.asked(respWords(unit))
		return verdict{out: unit}
	}
	if unit[0] == '>' { // pushed by the server, answers nothing
		return verdict{out: unit}
	}
	command := s.next()
	if len(command) < 2 || command[0] != "GET" {
		return verdict{out: unit}
	}
	value, isValue := respBulk(unit)
	if isValue {
		s.values.add(command[1], value)
	}
	return s.falsify(command[1], unit, value, isValue)
}

func (s *redisSpeech) asked(command []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered {
		s.said, s.answered = nil, false
	}
	if len(command) > 0 {
		command[0] = strings.ToUpper(command[0])
	}
	s.said = append(s.said, strings.Join(command[:min(2, len(command))], " "))
	s.commands = append(s.commands, command[:min(2, len(command))])
	if len(command) > 2 && command[0] == "SET" {
		s.values.add(command[1], []byte(command[2]))
	}
}

// next is the command that the reply which has come answers.
func (s *redisSpeech) next() (command []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = true
	if len(s.commands) > 0 {
		command, s.commands = s.commands[0], s.commands[1:]
	}
	return command
}

// falsify replaces the answer to a GET when that is armed. A fault for which there is nothing to do goes on waiting.
func (s *redisSpeech) falsify(key string, unit, value []byte, isValue bool) verdict {
	if a := s.proxy.take(SwapReply, s.text); a != nil {
		if foreign := s.values.of(key); foreign != nil {
			s.proxy.hit(a)
			return verdict{out: bulk(foreign)}
		}
		s.proxy.giveBack(a)
	}
	if !isValue || len(value) == 0 {
		return verdict{out: unit}
	}
	if s.spoils(TruncateReply, value) {
		return verdict{out: bulk(value[:len(value)-1])}
	}
	if s.spoils(AlterReply, value) {
		value = bytes.Clone(value)
		value[len(value)/2] ^= 1
		return verdict{out: bulk(value)}
	}
	return verdict{out: unit}
}

// spoils uses up a fault of this kind, if one is armed for so long a value.
func (s *redisSpeech) spoils(kind Kind, value []byte) bool {
	a := s.proxy.take(kind, s.text)
	if a == nil {
		return false
	}
	if len(value) < a.fault.Bytes {
		s.proxy.giveBack(a)
		return false
	}
	s.proxy.hit(a)
	return true
}

// seenValues are the latest values of some keys.
type seenValues struct {
	mu   sync.Mutex
	list []seenValue
}

type seenValue struct {
	key   string
	value []byte
}

func (v *seenValues) add(key string, value []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = append(v.list, seenValue{key, bytes.Clone(value)})
	v.list = v.list[max(0, len(v.list)-remembered):]
}

// of is the longest value of another key, nil when none was seen.
func (v *seenValues) of(key string) (longest []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.list {
		if s.key != key && len(s.value) > len(longest) {
			longest = s.value
		}
	}
	return longest
}
