package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

const (
	// maxRecords and maxAge bound a file. It is read as a whole when it is sealed, and only what is sealed can be taken elsewhere.
	maxRecords = 200_000
	maxAge     = time.Hour
	// lookAgain is the pause between two looks for files that dead processes left behind.
	lookAgain = 10 * time.Minute
)

// Step is a place where a test may end the process.
type Step string

// The steps of a file, in order.
const (
	StepOpened  Step = "opened"  // its row is written
	StepCreated Step = "created" // it exists, empty
	StepTaken   Step = "taken"   // records are deleted, not committed
	StepWritten Step = "written"
	StepSynced  Step = "synced"
	StepKept    Step = "kept" // the batch is committed
	StepClosed  Step = "closed"
	StepCopied  Step = "copied" // what counts of it has its last name
	StepNamed   Step = "named"  // its manifest, too, and both are durable
	StepSealed  Step = "sealed" // what it was copied from is removed
)

// Config is what an archiver works with.
type Config struct {
	Dir   string // an existing folder
	Files *repository.Archives
	Log   *slog.Logger
	// MaxRecords is how many a file takes before another one is begun; it may exceed that by a batch. 0: 200,000.
	MaxRecords int64
	// Reached is called at each step, in tests.
	Reached func(Step)
}

// Archiver writes to one archive, one kind of records. It isn't safe for concurrent use; any number of archivers may write to the
// same folder.
type Archiver struct {
	Config
	kind   models.ArchiveKind
	folder *folder
	file   *partial        // that grows; nil: none
	looked time.Time       // for files that were left behind; zero: look before anything else
	told   map[string]bool // the files that can't be sealed, which are logged once
}

// Tombstones archives used keys.
type Tombstones struct {
	Archiver
	store *postgres.Store
}

// NewTombstones returns an archiver of the store's tombstones. It opens nothing yet.
func NewTombstones(cfg Config, store *postgres.Store) *Tombstones {
	return &Tombstones{newArchiver(cfg, models.ArchiveTombstones), store}
}

func newArchiver(cfg Config, kind models.ArchiveKind) Archiver {
	if cfg.MaxRecords <= 0 {
		cfg.MaxRecords = maxRecords
	}
	if cfg.Reached == nil {
		cfg.Reached = func(Step) {}
	}
	return Archiver{Config: cfg, kind: kind, told: map[string]bool{}}
}

// Run moves up to limit tombstones whose retention is over, and that were completed before a time (zero: any), to the archive, and
// returns how many. After an error they are where they were, or in the archive.
func (t *Tombstones) Run(ctx context.Context, limit int, before time.Time) (n int, err error) {
	defer func() {
		if err != nil {
			t.abandon()
		}
	}()
	if err := t.begin(ctx); err != nil {
		return 0, err
	}
	if t.file == nil {
		if due, err := t.store.Forgettable(ctx, 1, before); err != nil || due == 0 {
			return 0, err
		}
		if err := t.create(ctx); err != nil {
			return 0, err
		}
	}
	next := t.file.row
	n, err = t.store.ForgetInto(ctx, limit, before, func(_ context.Context, tx *postgres.Tx, taken []postgres.Tombstone) error {
		t.Reached(StepTaken)
		batch := make([]entry, len(taken))
		for i, tombstone := range taken {
			batch[i] = entry{tombstoneLine(tombstone), tombstone.CompletedAt.UTC()}
		}
		next, err = t.write(tx, batch)
		return err
	})
	if err != nil {
		return 0, err
	}
	if n > 0 {
		err = t.kept(ctx, next)
	}
	return n, err
}

// begin opens the folder, and seals what is complete: what dead processes left behind, and our own file when it is old.
func (a *Archiver) begin(ctx context.Context) (err error) {
	if a.folder == nil {
		if a.folder, err = openFolder(a.Dir); err != nil {
			return err
		}
	}
	if a.file != nil && time.Since(a.file.opened) > maxAge {
		if err := a.seal(ctx); err != nil {
			return err
		}
	}
	if time.Since(a.looked) < lookAgain {
		return nil
	}
	if err := a.recover(ctx); err != nil {
		return err
	}
	a.looked = time.Now()
	return nil
}

// create begins a file. Its row comes first: a file that has none is never touched, because it may be another database's.
func (a *Archiver) create(ctx context.Context) (err error) {
	row := newRow(a.folder, a.kind)
	if err := a.Files.Open(ctx, &row); err != nil {
		return err
	}
	a.Reached(StepOpened)
	if a.file, err = createPartial(a.folder, row); err != nil {
		return fmt.Errorf("make a file in the archive: %w", err)
	}
	a.Reached(StepCreated)
	return nil
}

// write makes a batch durable in the file and queues the file's new length.
func (a *Archiver) write(tx *postgres.Tx, batch []entry) (models.ArchiveFile, error) {
	next, err := a.file.add(batch, a.Reached)
	if err != nil {
		return next, fmt.Errorf("write to the archive: %w", err)
	}
	a.Files.Extend(tx, a.file.row.Bytes, &next)
	return next, nil
}

// kept takes note that a batch was committed.
func (a *Archiver) kept(ctx context.Context, next models.ArchiveFile) error {
	a.Reached(StepKept)
	a.file.row = next
	if next.Records < a.MaxRecords {
		return nil
	}
	return a.seal(ctx)
}

// abandon leaves the file as it is, for the next look: what of it counts is in its row.
func (a *Archiver) abandon() {
	a.looked = time.Time{}
	if a.file != nil {
		_ = a.file.file.Close() // what was to be durable is synced
		a.file = nil
	}
}

// Close seals the file that grows, if there is one.
func (a *Archiver) Close(ctx context.Context) error {
	if a.file == nil {
		return nil
	}
	err := a.seal(ctx)
	a.abandon()
	return err
}

// Backlog counts the tombstones that are due, up to limit.
func (t *Tombstones) Backlog(ctx context.Context, limit int) (int, error) {
	return t.store.Forgettable(ctx, limit, time.Time{})
}

var (
	errForeign = errors.New("the database knows nothing of it: it belongs to another one, or to a later state of this one")
	errDamaged = errors.New("it is shorter than the database says, or has another checksum")
)
