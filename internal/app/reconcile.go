package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/internal/reconcile"
	"github.com/payonce/payonce/repository"
)

// Reconcile compares the provider's book with ours, prints what it finds and writes it to discrepancies. What was compared is
// not an error, whatever was found.
func Reconcile(ctx context.Context, c *config.Reconcile, log *slog.Logger, out, errOut io.Writer) error {
	cfg := c.Config
	if cfg.DatabaseURL == "" || cfg.ProviderURL == "" {
		dir, err := embedded.MakeDataFolder(cfg.DataDir)
		if err != nil {
			return err
		}
		cfg.DataDir = dir
	}
	return withDatabase(ctx, cfg, log, func(url string) (err error) {
		if err := migrate(ctx, url, log); err != nil {
			return err
		}
		db, err := openForCommand(ctx, cfg, url, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		p, err := attachProvider(ctx, cfg, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.close()) }()
		return compare(ctx, c, db, p, out, errOut)
	})
}

func compare(ctx context.Context, c *config.Reconcile, db *postgres.Database, p *paymentProvider, out, errOut io.Writer) error {
	from, until := c.Range(time.Now())
	var to report = &table{out: out}
	if c.JSON {
		to = &document{out: out}
	}
	line := newProgressLine(errOut)
	if err := to.begin(from, until); err != nil {
		return err
	}
	sum, err := reconcile.Run(ctx, p, reconcile.Rows{
		Booked: repository.NewReconciliation(db), Merchants: repository.NewMerchants(db.GORM()), Discrepancies: repository.NewDiscrepancies(db),
	}, reconcile.Options{
		From: from, Until: until, Progress: line.show,
		Found: func(f reconcile.Finding) error {
			line.clear()
			return to.add(f)
		},
	})
	line.clear()
	if err != nil {
		return fmt.Errorf("not all was compared: %w", err)
	}
	return to.end(sum)
}

// report prints findings as they come: there may be more than fit into memory.
type report interface {
	begin(from, until time.Time) error
	add(f reconcile.Finding) error
	end(sum reconcile.Summary) error
}

// table is for people. Its columns are as wide as ids and kinds are.
type table struct {
	out    io.Writer
	headed bool
}

const tableRow = "%-25s  %-30s  %-30s  %-30s  %-34s  %-34s  %s\n"

func (t *table) begin(from, until time.Time) error {
	_, err := fmt.Fprintf(t.out, "comparing what was made from %s to %s\n", from.Format(time.RFC3339), until.Format(time.RFC3339))
	return err
}

func (t *table) add(f reconcile.Finding) error {
	if !t.headed {
		t.headed = true
		if _, err := fmt.Fprintf(t.out, tableRow, "KIND", "MERCHANT", "PAYMENT", "PROVIDER'S REFERENCE", "HERE", "AT THE PROVIDER", "WRITTEN"); err != nil {
			return err
		}
	}
	reference := ""
	for _, side := range []*reconcile.State{f.Here, f.AtProvider} {
		if side != nil && side.Reference != "" {
			reference = side.Reference
		}
	}
	written := "now"
	switch {
	case !f.Stored:
		written = "no: unknown merchant"
	case !f.New:
		written = "before"
	}
	_, err := fmt.Fprintf(t.out, tableRow, f.Kind, f.Merchant, f.Payment, reference, sideOf(f.Here), sideOf(f.AtProvider), written)
	return err
}

func sideOf(s *reconcile.State) string {
	if s == nil {
		return "-"
	}
	text := fmt.Sprintf("%s %d %s", s.Status, s.Amount, s.Currency)
	if s.Captured != nil && *s.Captured != s.Amount {
		text += fmt.Sprintf(", captured %d", *s.Captured)
	}
	return text
}

func (t *table) end(sum reconcile.Summary) error {
	_, err := fmt.Fprintf(t.out, "compared %d charges and %d refunds of the provider and %d rows of ours: %d findings, %d of them new\n",
		sum.Charges, sum.Refunds, sum.Rows, sum.Findings, sum.New)
	if err == nil && sum.Unresolved+sum.Foreign+sum.Elsewhere > 0 {
		_, err = fmt.Fprintf(t.out, "left out: %d still open here, %d of other programs at the provider, %d rows of another provider key\n",
			sum.Unresolved, sum.Foreign, sum.Elsewhere)
	}
	return err
}

// document is one JSON document for programs. Its findings come first, because what was counted is known at the end.
type document struct {
	out   io.Writer
	added bool
}

func (d *document) begin(from, until time.Time) error {
	_, err := fmt.Fprintf(d.out, `{"from":%q,"to":%q,"findings":[`, from.Format(time.RFC3339), until.Format(time.RFC3339))
	return err
}

func (d *document) add(f reconcile.Finding) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if d.added {
		text = append([]byte(","), text...)
	}
	d.added = true
	_, err = d.out.Write(text)
	return err
}

func (d *document) end(sum reconcile.Summary) error {
	text, err := json.Marshal(sum)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(d.out, "],\"summary\":%s}\n", text)
	return err
}

// progressLine is one line that is written over and over, on a terminal only.
type progressLine struct {
	out   io.Writer // nil: none
	shown time.Time
	width int
}

func newProgressLine(out io.Writer) *progressLine {
	if file, ok := out.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return &progressLine{out: out}
		}
	}
	return &progressLine{}
}

// refresh is how often the line changes at most.
const refresh = 200 * time.Millisecond

func (p *progressLine) show(sum reconcile.Summary) {
	p.print("%d charges, %d refunds, %d rows compared; %d findings", sum.Charges, sum.Refunds, sum.Rows, sum.Findings)
}

func (p *progressLine) print(format string, args ...any) {
	if p.out == nil || time.Since(p.shown) < refresh {
		return
	}
	p.clear()
	text := fmt.Sprintf(format, args...)
	p.shown, p.width = time.Now(), len(text)
	_, _ = io.WriteString(p.out, text)
}

func (p *progressLine) clear() {
	if p.width > 0 {
		_, _ = io.WriteString(p.out, "\r"+strings.Repeat(" ", p.width)+"\r")
		p.width = 0
	}
}
