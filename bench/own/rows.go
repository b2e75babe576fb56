package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/middleware"
)

type tx = postgres.Tx

// note is the one row, and the response.
type note struct {
	ID   uuid.UUID `json:"id" gorm:"type:uuid;primaryKey"`
	Text string    `json:"text" binding:"required"`
}

const insertNote = `INSERT INTO notes (id, text) VALUES ($1, $2)`

// row is the handler that one writes first.
func (s *own) row(db *gorm.DB) gin.HandlerFunc {
	return func(c *gin.Context) {
		n, ok := newNote(c)
		if !ok {
			return
		}
		if err := db.WithContext(c.Request.Context()).Create(n).Error; err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
			return
		}
		c.JSON(http.StatusCreated, n)
	}
}

func newNote(c *gin.Context) (*note, bool) {
	n := &note{}
	if err := c.ShouldBindJSON(n); err != nil {
		c.AbortWithStatus(http.StatusBadRequest)
		return nil, false
	}
	n.ID = uuid.Must(uuid.NewV7())
	return n, true
}

// protected is the same handler behind Protect.
func protected(c *gin.Context) {
	n, ok := newNote(c)
	if !ok {
		return
	}
	middleware.Tx[*tx](c).Insert("the note", insertNote, n.ID, n.Text)
	c.JSON(http.StatusCreated, n)
}

// protectedGORM is the same handler behind Protect, through GORM.
func protectedGORM(c *gin.Context) {
	n, ok := newNote(c)
	if !ok {
		return
	}
	db, err := middleware.Tx[*tx](c).DB(c.Request.Context())
	if err == nil {
		err = db.Create(n).Error
	}
	if err != nil {
		_ = c.Error(err) // the middleware answers
		return
	}
	c.JSON(http.StatusCreated, n)
}

// local is the same work as one of the engine's own.
func local(c *gin.Context, req idempotency.Request) (work idempotency.Work[*tx], err error) {
	n := &note{}
	if err := json.Unmarshal(middleware.BodyOf(c), n); err != nil {
		return work, err
	}
	work.Local = &idempotency.Local[*tx]{Run: func(_ context.Context, tx *tx) (*idempotency.Response, error) {
		n.ID = uuid.Must(uuid.NewV7())
		tx.Insert("the note", insertNote, n.ID, n.Text)
		body, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		return &idempotency.Response{
			Status: http.StatusCreated, Body: body, Resource: idempotency.Resource{Type: "note", ID: n.ID},
			Headers: []idempotency.Header{{Name: "Content-Type", Value: jsonType}},
		}, nil
	}}
	return work, nil
}
