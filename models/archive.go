package models

import (
	"time"

	"github.com/google/uuid"
)

// ArchiveKind is what a file of an archive holds.
type ArchiveKind string

// What is archived.
const (
	ArchiveTombstones ArchiveKind = "tombstones"
	ArchiveEvents     ArchiveKind = "events"
)

// ArchiveFile is what the database answers for of one file: its first Bytes bytes hold Records records that are nowhere else.
type ArchiveFile struct {
	Archive   uuid.UUID `gorm:"primaryKey;type:uuid"` // the folder's
	Name      string    `gorm:"primaryKey"`
	Kind      ArchiveKind
	Records   int64
	Bytes     int64
	SHA256    []byte `gorm:"column:sha256;not null"` // of those bytes
	Oldest    *time.Time
	Newest    *time.Time
	OpenedAt  time.Time  `gorm:"default:now();autoCreateTime:false"`
	WrittenAt time.Time  `gorm:"default:now();autoCreateTime:false"`
	ClosedAt  *time.Time // it doesn't grow any more
}

// ArchivePosition is the last of a merchant's events that is in an archive.
type ArchivePosition struct {
	MerchantID uuid.UUID `gorm:"primaryKey;type:uuid"`
	Archive    uuid.UUID `gorm:"primaryKey;type:uuid"`
	Epoch      int64
	Xact       int64
	EventID    uuid.UUID `gorm:"type:uuid"`
}
