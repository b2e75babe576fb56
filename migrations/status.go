package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path"
	"time"
)

// Status lists all migrations of this binary, oldest first. It only reads: it works on a standby and on a database that is
// read-only, waits for no replica that migrates, and makes no table.
func Status(ctx context.Context, databaseURL string) (list []Applied, err error) {
	db, err := connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := newProvider(db)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	applied, err := appliedVersions(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	for _, source := range provider.ListSources() {
		list = append(list, Applied{Version: source.Version, Name: path.Base(source.Path), AppliedAt: applied[source.Version]})
	}
	return list, nil
}

// appliedVersions reads when each version was applied, from our table or, before the first Up of this build, from the one
// that an early build shared with its host.
func appliedVersions(ctx context.Context, db *sql.DB) (map[int64]time.Time, error) {
	there, err := exists(ctx, db, versionTable)
	if err != nil {
		return nil, err
	}
	if there {
		return readVersions(ctx, db, versionTable)
	}
	if there, err = exists(ctx, db, "goose_db_version"); err != nil || !there {
		return nil, err
	}
	last, err := lastEarly(ctx, db)
	if err != nil || last == 0 {
		return nil, err
	}
	versions, err := readVersions(ctx, db, "goose_db_version")
	maps.DeleteFunc(versions, func(version int64, _ time.Time) bool { return version > last })
	return versions, err
}

// readVersions reads a version table of goose's form. The table's name is a constant of this package.
func readVersions(ctx context.Context, db *sql.DB, table string) (versions map[int64]time.Time, err error) {
	rows, err := db.QueryContext(ctx, "SELECT version_id, max(tstamp) FROM "+table+" WHERE is_applied GROUP BY version_id") //nolint:gosec // a constant
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	versions = map[int64]time.Time{}
	for rows.Next() {
		var version int64
		var at time.Time
		if err := rows.Scan(&version, &at); err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		versions[version] = at.UTC()
	}
	return versions, rows.Err()
}
