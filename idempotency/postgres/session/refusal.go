package session

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Refusal explains why a server that was reached refuses a session, and what to do about it; nil for any other error. The
// codes are those of the PostgreSQL manual, appendix A.
func Refusal(err error) error {
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil
	}
	var remedy string
	switch server.Code {
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		remedy = "check the user and the password in DATABASE_URL, and the server's pg_hba.conf"
	case "3D000": // invalid_catalog_name
		remedy = "create the database, or name another one in DATABASE_URL"
	case "42501": // insufficient_privilege
		remedy = "grant the role CONNECT on the database, or name another role in DATABASE_URL"
	default:
		return nil
	}
	return fmt.Errorf("PostgreSQL answers and refuses: %w: %s", server, remedy)
}
