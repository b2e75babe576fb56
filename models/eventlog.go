package models

import (
	"time"

	"github.com/google/uuid"
)

// EventLog is a stay of the log of events in one server. A row is added when the log is found in another one, after a dump was
// loaded there.
type EventLog struct {
	Moves     int       `gorm:"primaryKey;autoIncrement:false"` // that came before
	Server    int64     // its system identifier
	CursorKey uuid.UUID `gorm:"type:uuid"`
	Since     time.Time `gorm:"default:now()"`
}

// EventPosition is a place in a merchant's log: right behind an event, or with the zero value before the first one. Events are
// in the order of the transactions that wrote them, which is known only of transactions that have ended.
type EventPosition struct {
	Epoch int64 // rises with each promotion of a standby and each move to another server
	Xact  int64 // number of the transaction, which begins anew in each epoch
	ID    uuid.UUID
}

// Position is where the event stands.
func (e Event) Position() EventPosition { return EventPosition{e.Epoch, e.Xact, e.ID} }
