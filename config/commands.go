package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/alecthomas/kong"
)

// Command is one of *[Serve], *[Demo], *[MerchantCreate], *[MerchantList], *[KeyCreate], *[KeyRevoke], *[Migrate],
// *[Simulator], *[Naive], *[Healthcheck] and *[Version].
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
	Name string `required:"" help:"Name of the merchant."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// MerchantList lists the merchants and the ids of their keys.
type MerchantList struct {
	Config
	JSON bool `name:"json" help:"Print JSON."`
}

// KeyCreate makes another API key for a merchant and prints it once.
type KeyCreate struct {
	Config
	Merchant string `required:"" placeholder:"mer_…" help:"Id of the merchant."`
	JSON     bool   `name:"json" help:"Print JSON."`
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

// Simulator is the payment provider's stand-in as a process of its own. Its flags have no variables: ADDR and DATA_DIR
// belong to the service, which may run in the same environment.
type Simulator struct {
	Addr      string `default:"127.0.0.1:9090" check:"address" help:"Address to listen on."`
	DataDir   string `default:"${simulator_dir}" help:"Folder of the book of charges."`
	LogFormat string `var:"LOG_FORMAT" default:"${log_format}" oneof:"text,json" help:"Form of the log lines."`
}

// Healthcheck asks the service at Addr whether it is ready, for containers that have no other program to ask with.
type Healthcheck struct{ Config }

// Version prints the version.
type Version struct{}

func (c *Serve) check() error          { return cmp.Or(c.checkData(), c.checkServe()) }
func (c *MerchantCreate) check() error { return c.checkData() }
func (c *MerchantList) check() error   { return c.checkData() }
func (c *KeyCreate) check() error      { return c.checkData() }
func (c *KeyRevoke) check() error      { return c.checkData() }
func (c *Migrate) check() error        { return c.checkData() }
func (*Demo) check() error             { return nil }
func (*Naive) check() error            { return nil }
func (*Healthcheck) check() error      { return nil }
func (*Version) check() error          { return nil }

func (c *Simulator) check() error {
	if c.DataDir == "" {
		return errors.New("--data-dir is empty and no home folder is known: name a folder for the book of charges")
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
			Revoke KeyRevoke `cmd:"" help:"Revoke an API key."`
		} `cmd:"" help:"Make and revoke API keys."`
	} `cmd:"" help:"Merchants and their API keys."`
	Migrate     Migrate     `cmd:"" help:"Apply, show or take back schema migrations."`
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

// Parse reads the command line and the environment. Help goes to stdout and ends in [ErrHelp]; log lines will go to
// stderr, so LOG_FORMAT's default is text when that is a terminal. An empty variable counts as not set.
func Parse(args []string, getenv func(string) string, stdout, stderr io.Writer) (Command, error) {
	var helped bool
	dir := dataDir(getenv)
	vars := kong.Vars{"data_dir": dir, "log_format": logFormat(stderr), "simulator_dir": simulatorDir(dir)}
	parser, err := newParser(&grammar{}, vars,
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.Resolvers(environment(getenv)),
	)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(args)
	switch {
	case helped: // kong goes on after help where exit does not end the process, and finds errors that nobody made
		return nil, ErrHelp
	case err != nil:
		return nil, parseError(err)
	}
	command, ok := parsed.Selected().Target.Addr().Interface().(Command)
	if !ok {
		return nil, &UsageError{fmt.Errorf("%s needs a subcommand", parsed.Command())}
	}
	return command, command.check()
}

func newParser(grammar any, vars kong.Vars, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(grammar, append([]kong.Option{
		vars,
		kong.Name("payonce"),
		kong.Description("A payments service whose requests are safe to repeat. Every setting is an environment variable, too."),
		kong.ValueFormatter(describe),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.PostBuild(hideServeSettings),
		mappers(),
	}, options...)...)
}

// parseError tells a wrong command line from a wrong variable, and drops kong's own wording around a [ValueError].
func parseError(err error) error {
	cause := err
	if value, ok := errors.AsType[*ValueError](err); ok {
		cause = value
	}
	parse, ok := errors.AsType[*kong.ParseError](err)
	if ok && parse.ExitCode() != 1 { // kong's 1 is a resolver's failure; everything else is the command line
		return &UsageError{cause}
	}
	return cause
}

// environment resolves a flag from its variable. It is ours because kong's own env tag repeats secrets in its errors
// and reads the process's environment, which parallel tests share.
func environment(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if name := flag.Tag.Get("var"); name != "" && getenv(name) != "" {
			return getenv(name), nil
		}
		return nil, nil //nolint:nilnil // kong's way to say "not from here"
	})
}

// hideServeSettings keeps the help of commands that only need the stores short. Their flags work all the same.
func hideServeSettings(k *kong.Kong) error {
	return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if command, ok := node.(*kong.Node); ok && command.Name != "serve" {
			for _, flag := range command.Flags {
				flag.Hidden = flag.Hidden || flag.Group != nil && flag.Group.Key != "Stores"
			}
		}
		return next(nil)
	})
}

// dataDir is the user's data folder; empty when none is known. Root's home is closed to the user that Postgres runs as.
func dataDir(getenv func(string) string) string {
	home := getenv("HOME")
	switch {
	case runtime.GOOS == "windows":
		return under(getenv("LOCALAPPDATA"), "payonce")
	case os.Geteuid() == 0:
		return "/var/lib/payonce"
	case runtime.GOOS == "darwin":
		return under(home, "Library", "Application Support", "payonce")
	case filepath.IsAbs(getenv("XDG_DATA_HOME")):
		return filepath.Join(getenv("XDG_DATA_HOME"), "payonce")
	}
	return under(home, ".local", "share", "payonce")
}

func simulatorDir(dataDir string) string { return under(dataDir, "simulator") }

func under(root string, path ...string) string {
	if root == "" {
		return ""
	}
	return filepath.Join(append([]string{root}, path...)...)
}

func logFormat(stderr io.Writer) string {
	if file, ok := stderr.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return "text"
		}
	}
	return "json"
}

// Variable describes one setting for people.
type Variable struct{ Name, Flag, Default, Allowed, Help string }

// Variables lists every setting in the order of [Config]'s fields.
func Variables() []Variable {
	parser, err := newParser(&Config{}, kong.Vars{
		"data_dir":   "per-user data folder",
		"log_format": "`text` on a terminal, else `json`",
	})
	if err != nil {
		panic(err) // a tag of Config is wrong: the first test finds it
	}
	var variables []Variable
	for _, flag := range parser.Model.Flags {
		if name := flag.Tag.Get("var"); name != "" {
			variables = append(variables, Variable{
				Name: name, Flag: "--" + flag.Name, Default: flag.Default,
				Allowed: allowed(flag.Value), Help: strings.TrimSuffix(flag.Help, "."),
			})
		}
	}
	return variables
}
