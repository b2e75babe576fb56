package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/idempotency"
	storage "github.com/gofiber/storage/redis/v3"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

const (
	conns  = 20 // as the other programs' pools for new work
	maxKey = 255
)

// service is what the handler works with.
type service struct {
	db      *gorm.DB
	storage *storage.Storage
}

// note is the one row, and the response.
type note struct {
	ID   uuid.UUID `json:"id" gorm:"type:uuid;primaryKey"`
	Text string    `json:"text"`
}

func open(ctx context.Context, databaseURL, redisURL string) (*service, error) {
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	client := redis.NewClient(options) // storage.New would panic if Redis doesn't answer
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("reach Redis: %w", err), client.Close())
	}
	db, err := gorm.Open(postgres.Open(databaseURL), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), client.Close())
	}
	pool, err := db.DB()
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return &service{db, storage.NewFromConnection(client)}, nil
}

func (s *service) close() error {
	pool, err := s.db.DB()
	if err == nil {
		err = pool.Close()
	}
	return errors.Join(err, s.storage.Close())
}

func (s *service) app() *fiber.App {
	app := fiber.New()
	app.Post("/notes", idempotency.New(idempotency.Config{
		Storage: s.storage, Lifetime: 24 * time.Hour, KeyHeader: "Idempotency-Key", KeyHeaderValidate: validateKey,
	}), s.create)
	return app
}

// validateKey takes what the other programs take; the default wants 36 characters.
func validateKey(key string) error {
	if n := len(key); n < 1 || n > maxKey {
		return fiber.NewError(http.StatusBadRequest, fmt.Sprintf("an idempotency key has 1 to %d characters, not %d", maxKey, n))
	}
	return nil
}

func (s *service) create(c fiber.Ctx) error {
	var n note
	if err := c.Bind().JSON(&n); err != nil || n.Text == "" {
		return fiber.ErrBadRequest // as an error, so that it isn't stored
	}
	n.ID = uuid.Must(uuid.NewV7())
	if err := s.db.WithContext(c.Context()).Create(&n).Error; err != nil {
		return err
	}
	return c.Status(http.StatusCreated).JSON(n)
}
