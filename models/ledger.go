package models

import (
	"time"

	"github.com/google/uuid"
)

// LedgerKind is the reason of an entry.
type LedgerKind string

// The kinds of entries. With the source's id they are unique: nothing is posted twice.
const (
	LedgerCapture    LedgerKind = "capture"
	LedgerRefund     LedgerKind = "refund"
	LedgerFee        LedgerKind = "fee"
	LedgerAdjustment LedgerKind = "adjustment"
)

// LedgerAccount is an account of a merchant in one currency.
type LedgerAccount struct {
	MerchantID uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID         uuid.UUID `gorm:"primaryKey;type:uuid"`
	Code       string
	Currency   string
}

// LedgerEntry groups the postings of one movement of money. It is never changed or deleted.
type LedgerEntry struct {
	MerchantID uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID         uuid.UUID `gorm:"primaryKey;type:uuid"`
	Kind       LedgerKind
	SourceID   uuid.UUID `gorm:"type:uuid"` // the capture or refund
	CreatedAt  time.Time `gorm:"default:now();autoCreateTime:false"`
}

// LedgerPosting moves an amount from one account to another. It names both sides, so an entry balances by
// construction; there is no sum that could be wrong.
type LedgerPosting struct {
	MerchantID      uuid.UUID `gorm:"primaryKey;type:uuid"`
	EntryID         uuid.UUID `gorm:"primaryKey;type:uuid"`
	Line            int       `gorm:"primaryKey;autoIncrement:false"`
	DebitAccountID  uuid.UUID `gorm:"type:uuid"`
	CreditAccountID uuid.UUID `gorm:"type:uuid"`
	Currency        string
	Amount          int64
}
