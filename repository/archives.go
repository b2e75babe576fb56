package repository

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Archives are what the database answers for of the files of archives, and how far events are copied to each.
type Archives struct {
	db   *postgres.Database
	gorm *gorm.DB
}

// NewArchives returns the repository.
func NewArchives(db *postgres.Database) *Archives { return &Archives{db, db.GORM()} }

// Open writes that a file is about to be made: one that has no row is not this database's.
func (r *Archives) Open(ctx context.Context, f *models.ArchiveFile) error {
	return r.db.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Insert("open the file", `INSERT INTO archive_files (archive, name, kind, sha256) VALUES ($1, $2, $3, $4)`, f.Archive, f.Name, string(f.Kind), f.SHA256)
	})
}

// Extend queues a file's new length. It fails the whole transaction when the file is closed, or has another length than before.
func (r *Archives) Extend(tx *postgres.Tx, before int64, f *models.ArchiveFile) {
	tx.MustAffect("extend the file", `UPDATE archive_files SET records = $3, bytes = $4, sha256 = $5, written_at = clock_timestamp(),
			oldest = least(oldest, $6::timestamptz), newest = greatest(newest, $7::timestamptz)
		WHERE archive = $1 AND name = $2 AND bytes = $8 AND closed_at IS NULL`,
		f.Archive, f.Name, f.Records, f.Bytes, f.SHA256, f.Oldest, f.Newest, before)
}

// Close writes that a file doesn't grow any more, unless it is written already, and returns what of it counts. A transaction that is
// extending it is waited for, for half a second. A file without a row is [postgres.ErrNotFound].
func (r *Archives) Close(ctx context.Context, archive uuid.UUID, name string) (*models.ArchiveFile, error) {
	err := r.db.Apply(ctx, time.Time{}, func(tx *postgres.Tx) error {
		tx.Returning("close the file", `UPDATE archive_files SET closed_at = clock_timestamp() WHERE archive = $1 AND name = $2 AND closed_at IS NULL`,
			[]any{archive, name}, nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return first[models.ArchiveFile](r.gorm.WithContext(ctx).Where("archive = ? AND name = ?", archive, name))
}

// Drop forgets a file that holds nothing.
func (r *Archives) Drop(ctx context.Context, archive uuid.UUID, name string) error {
	return r.db.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("forget the empty file", `DELETE FROM archive_files WHERE archive = $1 AND name = $2 AND records = 0`, []any{archive, name}, nil)
	})
}

// List reads a page of an archive's files that hold something, behind a name, by name.
func (r *Archives) List(ctx context.Context, archive uuid.UUID, after string, limit int) ([]models.ArchiveFile, error) {
	var rows []models.ArchiveFile
	err := r.gorm.WithContext(ctx).Where("archive = ? AND name > ? AND records > 0", archive, after).Order("name").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, postgres.ReadError("list the archive's files", err)
	}
	return rows, nil
}

// Position reads how far a merchant's events are copied; the zero position when none are.
func (r *Archives) Position(ctx context.Context, archive, merchant uuid.UUID) (models.EventPosition, error) {
	row, err := first[models.ArchivePosition](r.gorm.WithContext(ctx).Where("merchant_id = ? AND archive = ?", merchant, archive))
	if errors.Is(err, postgres.ErrNotFound) {
		return models.EventPosition{}, nil
	}
	if err != nil {
		return models.EventPosition{}, err
	}
	return models.EventPosition{Epoch: row.Epoch, Xact: row.Xact, ID: row.EventID}, nil
}

// Advance queues a new position. It fails the whole transaction when another copy of the same events was faster.
func (r *Archives) Advance(tx *postgres.Tx, archive, merchant uuid.UUID, from, to models.EventPosition) {
	if from == (models.EventPosition{}) {
		tx.Insert("begin to copy events", `INSERT INTO archive_positions (merchant_id, archive, epoch, xact, event_id) VALUES ($1, $2, $3, $4, $5)`,
			merchant, archive, to.Epoch, to.Xact, to.ID)
		return
	}
	tx.MustAffect("go on to copy events", `UPDATE archive_positions SET epoch = $3, xact = $4, event_id = $5
		WHERE merchant_id = $1 AND archive = $2 AND (epoch, xact, event_id) = ($6, $7, $8)`,
		merchant, archive, to.Epoch, to.Xact, to.ID, from.Epoch, from.Xact, from.ID)
}

// Apply runs writes in a transaction of their own.
func (r *Archives) Apply(ctx context.Context, writes func(*postgres.Tx) error) error {
	return r.db.Apply(ctx, time.Time{}, writes)
}
