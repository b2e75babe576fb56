package config

import (
	"errors"
	"fmt"
	"time"
)

// ArchiveRun moves old tombstones to files, or copies events there.
type ArchiveRun struct {
	Config
	Before string `required:"" placeholder:"TIME" help:"Archive what was completed before this time: RFC 3339, or a date (midnight UTC). For tombstones at least IDEMPOTENCY_TOMBSTONE_RETENTION ago."`
	To     string `placeholder:"DIR" check:"folder" help:"Folder of the archive; made if it doesn't exist. Default: ARCHIVE_DIR."`
	Events bool   `help:"Copy events instead. They stay in the database."`
	JSON   bool   `name:"json" help:"Print JSON."`

	before time.Time
}

// Help is what --help says below the usage line.
func (*ArchiveRun) Help() string {
	return "A tombstone is deleted when a file holds it for good, and not before. What was killed goes on where it stood when it is run again. " +
		"Any number may run at once, beside the service."
}

// Time is --before.
func (c *ArchiveRun) Time() time.Time { return c.before }

func (c *ArchiveRun) check() (err error) {
	if c.before, err = moment("--before", c.Before); err != nil {
		return err
	}
	if latest := time.Now().Add(-c.IdempotencyTombstoneRetention); !c.Events && c.before.After(latest) {
		return &UsageError{fmt.Errorf("--before is %s: keys that were used after %s are still refused (IDEMPOTENCY_TOMBSTONE_RETENTION is %s), and would be forgotten",
			c.Before, latest.UTC().Format(time.RFC3339), duration(c.IdempotencyTombstoneRetention))}
	}
	if c.To, err = archiveFolder("--to", c.To, c.ArchiveDir); err != nil {
		return err
	}
	return c.checkData()
}

// ArchiveFind shows what the archive has of a key.
type ArchiveFind struct {
	Config
	Key      string `arg:"" help:"The idempotency key, as the client means it: without the quotes of a header."`
	Merchant string `placeholder:"ID" help:"Only this merchant's. Default: all, because a key is its merchant's own."`
	Dir      string `placeholder:"DIR" check:"folder" help:"Folder of the archive. Default: ARCHIVE_DIR."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Help is what --help says below the usage line.
func (*ArchiveFind) Help() string {
	return "It needs no database. Exit code 0: found; 1: the archive has nothing of it."
}

func (c *ArchiveFind) check() (err error) {
	c.Dir, err = archiveFolder("--dir", c.Dir, c.ArchiveDir)
	return err
}

// ArchiveVerify reads the whole archive and checks it.
type ArchiveVerify struct {
	Config
	Dir             string `placeholder:"DIR" check:"folder" help:"Folder of the archive. Default: ARCHIVE_DIR."`
	Database        bool   `help:"Compare with what the database says of the archive, too."`
	AllowDuplicates bool   `help:"Count records that are there twice, and don't fail: after the database was restored from an older backup there are some."`
	JSON            bool   `name:"json" help:"Print JSON."`
}

// Help is what --help says below the usage line.
func (*ArchiveVerify) Help() string {
	return "Each file against its checksum and manifest, each line as a record, each record against all others. " +
		"Exit code 0: all is right; 1: something isn't, or it could not be read."
}

func (c *ArchiveVerify) check() (err error) {
	if c.Dir, err = archiveFolder("--dir", c.Dir, c.ArchiveDir); err != nil || !c.Database {
		return err
	}
	return c.checkData()
}

func archiveFolder(flag, given, configured string) (string, error) {
	if given != "" {
		return given, nil
	}
	if configured == "" {
		return "", &UsageError{errors.New("no archive is named: " + flag + ", or ARCHIVE_DIR")}
	}
	return configured, nil
}
