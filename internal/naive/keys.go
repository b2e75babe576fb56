package naive

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
// It stops a plain double click. It knows nothing any more when Redis is flushed or fails over, and it can't distinguish two
// keys for one order from two orders.
func (s *Service) keysInRedis(handle func(*http.Request) (reply, error)) func(*http.Request) (reply, error) {
	return func(r *http.Request) (reply, error) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" {
			return handle(r)
		}
		key = "naive:" + key
		first, err := s.Redis.SetNX(r.Context(), key, pending, keyLife).Result()
		if err != nil {
			return reply{}, err
		}
		if !first {
			return s.remembered(r.Context(), key)
		}
		said, err := handle(r)
		if err != nil || said.status >= http.StatusMultipleChoices {
			return said, errors.Join(err, s.Redis.Del(context.WithoutCancel(r.Context()), key).Err())
		}
		stored, err := json.Marshal(said.body)
		if err != nil {
			return reply{}, err
		}
		return said, s.Redis.Set(context.WithoutCancel(r.Context()), key, stored, keyLife).Err()
	}
}

// remembered answers a copy with what the first one was told.
func (s *Service) remembered(ctx context.Context, key string) (reply, error) {
	stored, err := s.Redis.Get(ctx, key).Result()
	if err != nil {
		return reply{}, err
	}
	if stored == pending {
		return refuse(http.StatusConflict, codeInFlight), nil
	}
	said := reply{status: http.StatusCreated, replayed: true}
	return said, json.Unmarshal([]byte(stored), &said.body)
}
