package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Command is one of *[Serve], *[Demo], *[MerchantCreate], *[MerchantList], *[KeyCreate], *[KeyList], *[KeyRevoke],
// *[Migrate], *[Listen], *[Reconcile], *[ArchiveRun], *[ArchiveFind], *[ArchiveVerify], *[Simulator], *[Naive], *[Healthcheck]
// and *[Version].
type Command interface {
	// check refuses settings that are wrong together, as far as the command needs them.
	check() error
	// Log says how the command logs.
	Log() (level slog.Level, json bool)
}

// Serve starts the service. It is the command when none is named.
type Serve struct{ Config }

// Demo shows double-submit protection on stores, services and a provider of its own. It has no other settings on purpose:
// what is configured for the service must not be touched by it.
type Demo struct {
	JSON       bool   `name:"json" help:"Print one JSON document instead of text."`
	PGBinDir   string `var:"PG_BIN_DIR" hidden:"" help:"As for serve."`
	NoDownload bool   `var:"PAYONCE_NO_DOWNLOAD" name:"payonce-no-download" hidden:"" help:"As for serve."`
}

// Help is what --help says below the usage line.
func (*Demo) Help() string {
	return "It brings a PostgreSQL, a Redis, a payment provider, two replicas of payonce and two of a plain payments service, " +
		"on free ports and in a temporary folder that is removed at the end. DATABASE_URL, REDIS_URL, PROVIDER_URL, DATA_DIR " +
		"and all other settings of the service are ignored. NO_COLOR is honoured. Exit code 0: the promise held."
}

// Naive is the plain payments service that [Demo] shows payonce beside: it can charge twice. Demo runs it.
type Naive struct{ Config }

// MerchantCreate makes a merchant and prints its API key once.
type MerchantCreate struct {
	Config
	Name   string `required:"" help:"Name of the merchant."`
	First  bool   `help:"Only while there is no merchant yet; else nothing is made, and the exit code is 0."`
	Curl   string `check:"http" placeholder:"URL" help:"Print a line, too, that makes an order and pays it at this address of the service."`
	CACert string `name:"curl-cacert" placeholder:"FILE" help:"Certificate that curl is told to trust in that line."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// MerchantList lists the merchants and the ids of their keys.
type MerchantList struct {
	Config
	JSON bool `name:"json" help:"Print JSON."`
}

// KeyRevoke revokes an API key.
type KeyRevoke struct {
	Config
	KeyID string `arg:"" help:"Id of the key, as merchant list shows it."`
}

// Migrate brings the schema up (the default) or one version down, or shows what is applied.
type Migrate struct {
	Config
	Direction string `arg:"" optional:"" default:"up" enum:"up,status,down" help:"up, status or down."`
}

// Reconcile compares the provider's charges and refunds of a range of time with ours.
type Reconcile struct {
	Config
	From string `placeholder:"TIME" help:"Beginning of the range: RFC 3339, or a date (midnight UTC). Default: a day before the end."`
	To   string `placeholder:"TIME" help:"End of the range, not included. Default: now."`
	JSON bool   `name:"json" help:"Print JSON."`

	since, until time.Time
}

// Help is what --help says below the usage line.
func (*Reconcile) Help() string {
	return "What one book has and the other lacks, or has otherwise, is printed and written to discrepancies; a second run finds the " +
		"same and changes nothing. Exit code 0: all was compared, whatever was found; 1: it could not be compared."
}

// Range is what is compared, by the time now.
func (c *Reconcile) Range(now time.Time) (from, until time.Time) {
	from, until = c.since, c.until
	if until.IsZero() {
		until = now
	}
	if from.IsZero() {
		from = until.Add(-24 * time.Hour)
	}
	return from.UTC().Truncate(time.Second), until.UTC().Truncate(time.Second)
}

func (c *Reconcile) check() (err error) {
	if c.since, err = moment("--from", c.From); err != nil {
		return err
	}
	if c.until, err = moment("--to", c.To); err != nil {
		return err
	}
	if from, until := c.Range(time.Now()); !from.Before(until) {
		return &UsageError{fmt.Errorf("the range from %s to %s is empty: --from must be earlier than --to",
			from.Format(time.RFC3339), until.Format(time.RFC3339))}
	}
	return cmp.Or(c.checkData(), c.checkProvider())
}

// moment reads a time or a date; "" is none.
func moment(flag, text string) (at time.Time, err error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err = time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return at, &UsageError{fmt.Errorf("%s is %.40q; allowed: a time such as 2026-11-29T15:04:05Z, or a date such as 2026-11-29", flag, text)}
}

// Listen shows a merchant's events in the terminal, for development.
type Listen struct {
	Config
	URL     string `name:"url" check:"http" help:"Where the service is. Default: ADDR of this machine."`
	APIKey  Secret `var:"PAYONCE_API_KEY" name:"api-key" help:"API key of the merchant. Default: the demo merchant's, in DATA_DIR."`
	Events  string `placeholder:"TYPES" help:"Types of events, comma-separated, payment.* for all that begin so. Default: all."`
	Forward string `check:"http" placeholder:"URL" help:"Send each event on to a receiver, signed as it came."`
}

// Help is what --help says below the usage line.
func (*Listen) Help() string {
	return "It makes a webhook endpoint on this machine and takes it away at the end. The service sends events here only with " +
		"WEBHOOK_ALLOW_LOOPBACK=on, which is how it starts when nothing is configured."
}

// Simulator is the payment provider's stand-in as a process of its own. Address and folder have no variables: ADDR and
// DATA_DIR belong to the service, which may run in the same environment.
type Simulator struct {
	Addr      string `default:"127.0.0.1:9090" check:"address" help:"Address to listen on."`
	DataDir   string `default:"${simulator_dir}" check:"folder" help:"Folder of the book of charges."`
	PublicURL string `var:"SIMULATOR_PUBLIC_URL" name:"public-url" check:"http" help:"Address under which browsers reach the customer's page; empty is the host that the service used."`
	LogFormat string `var:"LOG_FORMAT" default:"${log_format}" oneof:"text,json" help:"Form of the log lines."`

	WebhookURL    string `name:"webhook-url" check:"http" help:"Address that notifications of changes are sent to, such as http://127.0.0.1:8080/provider/webhooks; empty sends none."`
	WebhookSecret Secret `var:"PROVIDER_WEBHOOK_SECRET" name:"webhook-secret" help:"Secret that notifications are signed with; of a list, the first one."`
	WebhookFaults string `name:"webhook-faults" help:"What goes wrong with each notification, comma-separated: late, twice, reversed, never, altered."`
}

// Healthcheck asks the service at Addr whether it is ready, for containers that have no other program to ask with.
type Healthcheck struct{ Config }

// Version prints the version.
type Version struct{}

func (c *Serve) check() error          { return cmp.Or(c.checkData(), c.checkServe()) }
func (c *MerchantCreate) check() error { return c.checkData() }
func (c *MerchantList) check() error   { return c.checkData() }
func (c *KeyList) check() error        { return c.checkData() }
func (c *KeyRevoke) check() error      { return c.checkData() }
func (c *Migrate) check() error        { return c.checkData() }
func (*Listen) check() error           { return nil }
func (*Demo) check() error             { return nil }
func (*Naive) check() error            { return nil }
func (*Healthcheck) check() error      { return nil }
func (*Version) check() error          { return nil }

func (c *Simulator) check() error {
	if c.DataDir == "" {
		return errors.New("--data-dir is empty and no home folder is known: name a folder for the book of charges")
	}
	if c.WebhookURL != "" && c.WebhookSecret == "" {
		return errors.New("--webhook-url is set, but PROVIDER_WEBHOOK_SECRET is empty: notifications have to be signed")
	}
	return nil
}

type grammar struct {
	Serve    Serve `cmd:"" default:"withargs" help:"Start the service (the default)."`
	Demo     Demo  `cmd:"" help:"Show double-submit protection in the terminal."`
	Merchant struct {
		Create MerchantCreate `cmd:"" help:"Make a merchant and print its API key once."`
		List   MerchantList   `cmd:"" help:"List the merchants and their keys."`
		Key    struct {
			Create KeyCreate `cmd:"" help:"Make another API key and print it once."`
			List   KeyList   `cmd:"" help:"List API keys, without their secrets."`
			Revoke KeyRevoke `cmd:"" help:"Revoke an API key."`
		} `cmd:"" help:"Make, list and revoke API keys."`
	} `cmd:"" help:"Merchants and their API keys."`
	Listen    Listen    `cmd:"" help:"Show a merchant's events as they are sent, for development."`
	Reconcile Reconcile `cmd:"" help:"Compare the provider's book with ours."`
	Archive   struct {
		Run    ArchiveRun    `cmd:"" default:"withargs" help:"Move old tombstones to files, or copy events (the default)."`
		Find   ArchiveFind   `cmd:"" help:"Show what the archive has of an idempotency key."`
		Verify ArchiveVerify `cmd:"" help:"Read the whole archive and check it."`
	} `cmd:"" help:"Old tombstones and events in files."`
	Migrate     Migrate     `cmd:"" help:"Apply, show or revert schema migrations."`
	Simulator   Simulator   `cmd:"" help:"Run the payment provider's stand-in by itself."`
	Naive       Naive       `cmd:"" hidden:"" help:"Run a payments service without protection, for the demo."`
	Healthcheck Healthcheck `cmd:"" hidden:"" help:"Exit 0 when the service at ADDR is ready."`
	Version     Version     `cmd:"" help:"Print the version."`
}

// ErrHelp says that --help was asked for and printed; nothing is left to do.
var ErrHelp = errors.New("help printed")

// UsageError is a command line that the grammar refuses.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() + " (see --help)" }
func (e *UsageError) Unwrap() error { return e.err }

// ExitCode is the process's exit code for an error: 0 done, 1 failed, 2 wrong usage.
func ExitCode(err error) int {
	if err == nil || errors.Is(err, ErrHelp) {
		return 0
	}
	if _, ok := errors.AsType[*UsageError](err); ok {
		return 2
	}
	return 1
}
