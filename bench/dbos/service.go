package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

const (
	conns    = 20 // as the other programs' pools for new work; DBOS takes 20 more for a system database of its own
	maxKey   = 255
	callWait = 10 * time.Second
)

// service is what the workflows work with.
type service struct {
	dbos      dbos.Context
	source    *dbos.DataSource
	pool      *pgxpool.Pool
	db        *gorm.DB // on the same pool
	client    *http.Client
	chargeURL string
}

func open(ctx context.Context) (_ *service, err error) {
	s := &service{
		chargeURL: os.Getenv("CHARGE_URL"),
		client:    &http.Client{Timeout: callWait, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err = s.openDatabase(ctx, os.Getenv("DATABASE_URL")); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	config := dbos.Config{AppName: "bench-dbos", DatabaseURL: os.Getenv("DBOS_DATABASE_URL"), Logger: slog.New(slog.DiscardHandler)}
	if config.DatabaseURL == "" {
		config.SystemDBPool = s.pool
	}
	if s.dbos, err = dbos.NewContext(ctx, config); err != nil {
		return nil, err
	}
	if s.source, err = dbos.NewDataSource(s.dbos, s.pool); err != nil {
		return nil, err
	}
	dbos.RegisterWorkflow(s.dbos, s.createNote)
	dbos.RegisterWorkflow(s.dbos, s.createNoteInTx)
	dbos.RegisterWorkflow(s.dbos, s.bookTicket)
	if err = dbos.Launch(s.dbos); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *service) openDatabase(ctx context.Context, url string) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	config.MaxConns = conns
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	s.db, err = gorm.Open(postgres.New(postgres.Config{Conn: stdlib.OpenDBFromPool(s.pool)}), &gorm.Config{
		Logger: logger.Discard,
	})
	return err
}

// close ends what runs. Workflows that it interrupts stay pending and run again after the next start. The pool ends with the process.
func (s *service) close() {
	if s.dbos != nil {
		_ = dbos.Shutdown(s.dbos, partWait) // its error names the parts that still run; they end with the process, too
	}
	s.client.CloseIdleConnections()
}

func (s *service) routes() http.Handler {
	r := gin.New()
	r.POST("/notes", answer(s, s.createNote))
	r.POST("/notes-tx", answer(s, s.createNoteInTx))
	r.POST("/external", answer(s, s.bookTicket))
	return r
}

// answer runs the workflow and waits for it. It takes DBOS's context and not the request's: with the request's, a client that hangs up
// would cancel the workflow for good.
func answer[R any](s *service, workflow dbos.Workflow[string, R]) gin.HandlerFunc {
	return func(c *gin.Context) {
		var body struct {
			Text string `json:"text" binding:"required"`
		}
		key := c.GetHeader("Idempotency-Key")
		if err := c.ShouldBindJSON(&body); err != nil || key == "" || len(key) > maxKey {
			c.AbortWithStatus(http.StatusBadRequest)
			return
		}
		run, err := dbos.RunWorkflow(s.dbos, workflow, body.Text, dbos.WithWorkflowID(key))
		if errors.Is(err, dbos.ErrUnexpectedWorkflow) {
			c.AbortWithStatus(http.StatusUnprocessableEntity)
			return
		}
		if err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
			return
		}
		result, err := run.GetResult()
		if err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
			return
		}
		c.JSON(http.StatusCreated, result)
	}
}
