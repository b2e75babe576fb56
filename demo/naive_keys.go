package demo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

const (
	keyLife = 24 * time.Hour
	pending = "pending"
)

// keysInRedis is the idempotency that is seen most often: SET NX before the work, the answer under the same key behind it.
// It stops a plain double click. It knows nothing any more when Redis is flushed or fails over, and it can't tell two keys
// for one order apart from two orders.
func (n *naive) keysInRedis(handle func(*http.Request) (reply, error)) func(*http.Request) (reply, error) {
	return func(r *http.Request) (reply, error) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" {
			return handle(r)
		}
		key = "naive:" + key
		first, err := n.redis.SetNX(r.Context(), key, pending, keyLife).Result()
		if err != nil {
			return reply{}, err
		}
		if !first {
			return n.remembered(r.Context(), key)
		}
		said, err := handle(r)
		if err != nil || said.status >= http.StatusMultipleChoices {
			return said, errors.Join(err, n.redis.Del(context.WithoutCancel(r.Context()), key).Err())
		}
		stored, err := json.Marshal(said.body)
		if err != nil {
			return reply{}, err
		}
		return said, n.redis.Set(context.WithoutCancel(r.Context()), key, stored, keyLife).Err()
	}
}

// remembered answers a copy with what the first one was told.
func (n *naive) remembered(ctx context.Context, key string) (reply, error) {
	stored, err := n.redis.Get(ctx, key).Result()
	if err != nil {
		return reply{}, err
	}
	if stored == pending {
		return refuse(http.StatusConflict, codeInFlight), nil
	}
	said := reply{status: http.StatusCreated, replayed: true}
	return said, json.Unmarshal([]byte(stored), &said.body)
}
