package repository

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
)

// Page is a part of a list, newest first. One row more than Limit is read, so that the caller knows whether the list
// goes on.
type Page struct {
	Limit       int
	From, Until time.Time // only rows made at From or later, and before Until; zero: no bound
	BeforeAt    time.Time // with BeforeID: only rows older than this one; zero: from the newest
	BeforeID    uuid.UUID
}

// list reads a page of the rows that the query selects. The table has an index by merchant, time and id, or the page is not
// found in bounded time.
func list[M any](query *gorm.DB, page Page) ([]M, error) {
	rows := []M{}
	if err := newest(query, page).Limit(page.Limit + 1).Find(&rows).Error; err != nil {
		return nil, postgres.ReadError("list", err)
	}
	return rows, nil
}

// listAnywhere is list for what may be a few seconds old: a read replica is asked where there is one.
func listAnywhere[M any](ctx context.Context, db *postgres.Database, narrow func(*gorm.DB) *gorm.DB, page Page) (rows []M, err error) {
	err = db.List(ctx, func(at *gorm.DB) error {
		rows, err = list[M](narrow(at), page)
		return err
	})
	return rows, err
}

// newest narrows a query to the rows that a page may show, and puts the newest first.
func newest(query *gorm.DB, page Page) *gorm.DB {
	query = bounded(query, page.From, page.Until)
	if !page.BeforeAt.IsZero() {
		query = query.Where("(created_at, id) < (?, ?)", page.BeforeAt, page.BeforeID)
	}
	return query.Order("created_at DESC, id DESC")
}

// bounded narrows a query to what was made in a range of time.
func bounded(query *gorm.DB, from, until time.Time) *gorm.DB {
	if !from.IsZero() {
		query = query.Where("created_at >= ?", from)
	}
	if !until.IsZero() {
		query = query.Where("created_at < ?", until)
	}
	return query
}
