package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
	goredis "github.com/redis/go-redis/v9"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/service"
	"github.com/payonce/payonce/middleware"
)

const (
	jsonType = "application/json"
	// conns is the size of every pool, as payonce's for new work.
	conns = 20
	// secret signs what payonce writes to the Redis of this one run.
	secret = "only-for-benchmarks-never-a-real-secret"
)

// own is the service.
type own struct {
	plain     *gorm.DB // GORM's default: each statement in a transaction of its own
	alone     *gorm.DB // each statement commits by itself
	redis     goredis.UniversalClient
	once      *middleware.Idempotency[*tx]
	engine    *service.Service
	client    *http.Client
	chargeURL string
}

func open(ctx context.Context) (_ *own, err error) {
	s := &own{chargeURL: os.Getenv("CHARGE_URL"), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	databaseURL, redisURL := os.Getenv("DATABASE_URL"), os.Getenv("REDIS_URL")
	if s.plain, err = openGORM(databaseURL, false); err != nil {
		return nil, err
	}
	if s.alone, err = openGORM(databaseURL, true); err != nil {
		return nil, err
	}
	if redisURL != "" {
		options, err := goredis.ParseURL(redisURL)
		if err != nil {
			return nil, err
		}
		s.redis = goredis.NewClient(options)
	}
	s.engine, err = service.Open(ctx, service.Config{
		DatabaseURL: databaseURL, RedisURL: redisURL, Secrets: [][]byte{[]byte(secret)}, Resumer: s, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	s.once = middleware.NewIdempotency(s.engine.Engine, middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }, Log: slog.New(slog.DiscardHandler),
	})
	return s, nil
}

func openGORM(url string, alone bool) (*gorm.DB, error) {
	db, err := gorm.Open(postgres.Open(url), &gorm.Config{SkipDefaultTransaction: alone, Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return db, nil
}

func (s *own) close() error {
	err := s.engine.Close()
	if s.redis != nil {
		err = errors.Join(err, s.redis.Close())
	}
	return err
}

func (s *own) routes() http.Handler {
	r := gin.New()
	r.POST("/plain", s.row(s.plain))
	r.POST("/plain-autocommit", s.row(s.alone))
	r.POST("/call-plain", s.call)
	if s.redis != nil {
		r.POST("/naive", s.naive, s.row(s.plain))
		r.POST("/call-naive", s.naive, s.call)
	}
	r.POST("/protect-tx", s.once.ProtectTx(), protected)
	r.POST("/protect", s.once.Protect(), protected)
	r.POST("/protect-gorm", s.once.ProtectTx(), protectedGORM)
	r.POST("/do", s.once.Do(local))
	r.POST("/call", s.once.Do(s.external))
	return r
}
