package models

import (
	"database/sql/driver"
	"fmt"
)

// JSON is the text of a jsonb column, nil for SQL NULL. It is not decoded on the way: most rows are only passed on.
//
// It goes to the driver as a string. A []byte would be sent as bytea when pgx does not describe the statement first
// (DB_EXEC_MODE=exec), and Postgres would refuse it.
type JSON []byte

// GormDataType names the column type for GORM.
func (JSON) GormDataType() string { return "jsonb" }

// Value implements [driver.Valuer].
func (j JSON) Value() (driver.Value, error) {
	if j == nil {
		return nil, nil
	}
	return string(j), nil
}

// Scan implements sql.Scanner. It copies: the driver reuses its buffer for the next row.
func (j *JSON) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*j = nil
	case string:
		*j = JSON(v)
	case []byte:
		*j = append(JSON{}, v...)
	default:
		return fmt.Errorf("scan jsonb: got %T, want text; select the column without a cast", src)
	}
	return nil
}

// MarshalJSON returns the text itself, null for SQL NULL.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j == nil {
		return []byte("null"), nil
	}
	return j, nil
}

// UnmarshalJSON keeps a copy of the text.
func (j *JSON) UnmarshalJSON(text []byte) error {
	*j = append(JSON{}, text...)
	return nil
}
