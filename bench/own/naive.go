package main

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	goredis "github.com/redis/go-redis/v9"
)

const (
	keyLife = 24 * time.Hour
	pending = "pending"
)

// recorder keeps what a handler writes, beside sending it.
type recorder struct {
	gin.ResponseWriter

	body bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

// naive is the middleware that most teams write first: SET NX, the handler, SET.
func (s *own) naive(c *gin.Context) {
	ctx, key := c.Request.Context(), "naive:"+c.GetHeader("Idempotency-Key")
	first, err := s.redis.SetNX(ctx, key, pending, keyLife).Result()
	if err != nil {
		c.AbortWithStatus(http.StatusServiceUnavailable)
		return
	}
	if !first {
		s.remembered(c, key)
		return
	}
	r := &recorder{ResponseWriter: c.Writer}
	c.Writer = r
	c.Next()
	if r.Status() >= http.StatusMultipleChoices {
		_ = s.redis.Del(ctx, key).Err() // it would stay pending for a day, as with most of its kind
		return
	}
	_ = s.redis.Set(ctx, key, r.body.Bytes(), keyLife).Err()
}

func (s *own) remembered(c *gin.Context, key string) {
	stored, err := s.redis.Get(c.Request.Context(), key).Bytes()
	switch {
	case errors.Is(err, goredis.Nil), string(stored) == pending:
		c.AbortWithStatus(http.StatusConflict)
	case err != nil:
		c.AbortWithStatus(http.StatusServiceUnavailable)
	default:
		c.Data(http.StatusCreated, jsonType, stored)
		c.Abort()
	}
}
