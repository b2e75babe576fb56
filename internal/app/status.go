package app

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/payonce/payonce/migrations"
)

func printStatus(out io.Writer, applied []migrations.Applied) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "VERSION\tNAME\tAPPLIED")
	for _, m := range applied {
		at := "pending"
		if !m.AppliedAt.IsZero() {
			at = m.AppliedAt.UTC().Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\n", m.Version, m.Name, at)
	}
	return table.Flush()
}
