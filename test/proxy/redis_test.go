package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
)

// cache is a Redis behind a proxy, and clients that never send a command twice by themselves.
type cache struct {
	proxy  *proxy.Redis
	client *redis.Client
	direct *redis.Client
}

// eachCache runs a test in both versions of the protocol, in front of a real server and of the one inside this process.
func eachCache(t *testing.T, test func(t *testing.T, c *cache)) {
	t.Helper()
	for server, url := range map[string]string{"real": stores.StartRealRedis(t).URL(), "in process": stores.Redis(t)} {
		for protocol := 2; protocol <= 3; protocol++ {
			t.Run(fmt.Sprintf("%s, RESP%d", server, protocol), func(t *testing.T) { test(t, newCache(t, url, protocol)) })
		}
	}
}

func newCache(t *testing.T, url string, protocol int) *cache {
	t.Helper()
	p, err := proxy.NewRedis(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c := &cache{proxy: p, client: clientOf(t, p.URL(), protocol), direct: clientOf(t, url, 2)}
	if err := c.direct.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func clientOf(t *testing.T, url string, protocol int) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	options.MaxRetries, options.Protocol = -1, protocol
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestALostReplyWasExecuted(t *testing.T) {
	t.Parallel()
	eachCache(t, func(t *testing.T, c *cache) {
		c.client.Ping(t.Context())
		cut := c.proxy.Arm(proxy.Fault{Kind: proxy.CutReply, Match: "SET mine"})
		err := c.client.Set(t.Context(), "mine", "value", 0).Err()
		if err == nil || cut.Hits() != 1 || c.direct.Get(t.Context(), "mine").Val() != "value" {
			t.Errorf("%v, %d hits", err, cut.Hits())
		}
		if err := c.client.Set(t.Context(), "mine", "again", 0).Err(); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		never := c.proxy.Arm(proxy.Fault{Kind: proxy.CutRequest, Match: "SET never"})
		err = c.client.Set(t.Context(), "never", "value", 0).Err()
		if err == nil || never.Hits() != 1 || c.direct.Exists(t.Context(), "never").Val() != 0 {
			t.Errorf("a command that was cut off: %v, %d hits", err, never.Hits())
		}
	})
}

// look asks as the service does: a note first, then the value, in one pipeline.
func (c *cache) look(ctx context.Context, key string) (set bool, value string, err error) {
	pipe := c.client.Pipeline()
	note, get := pipe.SetNX(ctx, key, "note", 0), pipe.Get(ctx, key)
	_, _ = pipe.Exec(ctx)
	return note.Val(), get.Val(), errors.Join(note.Err(), get.Err())
}

func TestAReplyIsSwappedForAnotherKeys(t *testing.T) {
	t.Parallel()
	eachCache(t, func(t *testing.T, c *cache) {
		swap := c.proxy.Arm(proxy.Fault{Kind: proxy.SwapReply})
		if set, value, err := c.look(t.Context(), "theirs"); !set || value != "note" || err != nil || swap.Hits() != 0 {
			t.Fatalf("nothing to swap with: %v %q %v, %d hits", set, value, err, swap.Hits())
		}
		swap.Disarm()
		secret := strings.Repeat("their value\r\n$5\r\n", 20)
		c.client.Set(t.Context(), "theirs", secret, 0)
		swap = c.proxy.Arm(proxy.Fault{Kind: proxy.SwapReply})
		if set, value, err := c.look(t.Context(), "mine"); !set || value != secret || err != nil || swap.Hits() != 1 {
			t.Errorf("a foreign value for a note: %v %q %v, %d hits", set, value, err, swap.Hits())
		}
		c.proxy.Arm(proxy.Fault{Kind: proxy.SwapReply})
		if value, err := c.client.Get(t.Context(), "nothing").Result(); value != secret || err != nil {
			t.Errorf("a foreign value for a miss: %q %v", value, err)
		}
		if set, value, err := c.look(t.Context(), "mine"); set || value != "note" || err != nil {
			t.Errorf("afterwards: %v %q %v", set, value, err)
		}
		if n := c.proxy.Counts()[proxy.SwapReply]; n != 2 {
			t.Errorf("counted %d", n)
		}
	})
}

func TestAReplyIsTruncatedOrAltered(t *testing.T) {
	t.Parallel()
	eachCache(t, func(t *testing.T, c *cache) {
		c.client.Set(t.Context(), "mine", "value", 0)
		short := c.proxy.Arm(proxy.Fault{Kind: proxy.TruncateReply})
		if err := c.client.Get(t.Context(), "none").Err(); !errors.Is(err, redis.Nil) || short.Hits() != 0 {
			t.Errorf("a miss: %v, %d hits", err, short.Hits())
		}
		if value := c.client.Get(t.Context(), "mine").Val(); value != "valu" || short.Hits() != 1 {
			t.Errorf("truncated: %q, %d hits", value, short.Hits())
		}
		altered := c.proxy.Arm(proxy.Fault{Kind: proxy.AlterReply, Bytes: 5})
		c.client.Set(t.Context(), "tiny", "tiny", 0)
		if value := c.client.Get(t.Context(), "tiny").Val(); value != "tiny" || altered.Hits() != 0 {
			t.Errorf("a value too short to be meant: %q, %d hits", value, altered.Hits())
		}
		if value := c.client.Get(t.Context(), "mine").Val(); value != "vamue" || altered.Hits() != 1 {
			t.Errorf("altered: %q, %d hits", value, altered.Hits())
		}
		if value := c.client.Get(t.Context(), "mine").Val(); value != "value" {
			t.Errorf("afterwards: %q", value)
		}
	})
}

// Every kind of reply has its end found, or the next one would be taken for another's.
func TestRepliesOfEveryKindPass(t *testing.T) {
	t.Parallel()
	eachCache(t, func(t *testing.T, c *cache) {
		ctx := t.Context()
		pipe := c.client.Pipeline()
		pipe.HSet(ctx, "hash", "a", "1", "b", "2")
		pipe.SAdd(ctx, "set", "x")
		pipe.ZAdd(ctx, "scores", redis.Z{Score: 1.5, Member: "m"})
		hash, set, scores := pipe.HGetAll(ctx, "hash"), pipe.SMembers(ctx, "set"), pipe.ZRangeWithScores(ctx, "scores", 0, -1)
		wrong, nested := pipe.Get(ctx, "hash"), pipe.Eval(ctx, "return {1, {'two', false}, 'three'}", nil)
		empty, none := pipe.LRange(ctx, "list", 0, -1), pipe.HGet(ctx, "hash", "zzz")
		_, _ = pipe.Exec(ctx)
		if hash.Val()["b"] != "2" || len(set.Val()) != 1 || scores.Val()[0].Score != 1.5 || wrong.Err() == nil ||
			len(empty.Val()) != 0 || !errors.Is(none.Err(), redis.Nil) || fmt.Sprint(nested.Val()) != "[1 [two <nil>] three]" {
			t.Error(hash, set, scores, wrong, nested, empty, none)
		}
		c.client.Set(ctx, "long", strings.Repeat("l", 200<<10), 0)
		swap := c.proxy.Arm(proxy.Fault{Kind: proxy.SwapReply, Match: "GET last"})
		if value := c.client.Get(ctx, "last").Val(); len(value) != 200<<10 || swap.Hits() != 1 {
			t.Errorf("%d bytes, %d hits", len(value), swap.Hits())
		}
	})
}
