package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/payonce/payonce/internal/safeurl"
)

// Parse reads the command line and the environment. Help goes to stdout and ends in [ErrHelp]; log lines will go to
// stderr, so LOG_FORMAT's default is text when that is a terminal, and SHUTDOWN_DELAY's is 0s when stdout is one. An empty
// variable counts as not set.
func Parse(args []string, getenv func(string) string, stdout, stderr io.Writer) (Command, error) {
	var helped bool
	dir := dataDir(getenv)
	vars := kong.Vars{
		"data_dir": dir, "log_format": logFormat(stderr), "simulator_dir": simulatorDir(dir), "shutdown_delay": shutdownDelay(stdout),
	}
	parser, err := newParser(&grammar{}, vars,
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.Resolvers(environment(getenv)),
	)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(usualForm(args))
	switch {
	case helped: // kong goes on after help where exit does not end the process, and reports errors that are none
		return nil, ErrHelp
	case err != nil:
		return nil, parseError(err, args)
	}
	command, ok := parsed.Selected().Target.Addr().Interface().(Command)
	if !ok {
		return nil, &UsageError{fmt.Errorf("%s needs a subcommand", parsed.Command())}
	}
	if serve, ok := command.(*Serve); ok && serve.DatabaseURL == "" && !given(parsed, getenv, "SHUTDOWN_DELAY") {
		serve.ShutdownDelay = 0 // no balancer stands before a database of one machine
	}
	if serve, ok := command.(*Serve); ok && serve.embedded() && !given(parsed, getenv, "WEBHOOK_ALLOW_LOOPBACK") {
		serve.WebhookAllowLoopback = "on" // `payonce listen` works without a setting
	}
	if serve, ok := command.(*Serve); ok && serve.demoPossible() && !given(parsed, getenv, "DEMO") {
		serve.Demo = "on"
	}
	return command, command.check()
}

func newParser(grammar any, vars kong.Vars, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(grammar, append([]kong.Option{
		vars,
		kong.Name("payonce"),
		kong.Description("A payments service whose requests are safe to repeat. Every setting is an environment variable, too. " +
			"`payonce help COMMAND` explains a command, `payonce --version` prints the version."),
		kong.ValueFormatter(describe),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.PostBuild(hideUnusedSettings),
		mappers(),
	}, options...)...)
}

// parseError distinguishes a wrong command line from a wrong variable, and drops kong's own wording around a [ValueError].
func parseError(err error, args []string) error {
	cause := withoutPasswords(err, args)
	if value, ok := errors.AsType[*ValueError](err); ok {
		cause = value
	}
	parse, ok := errors.AsType[*kong.ParseError](err)
	if ok && parse.ExitCode() != 1 { // kong's 1 is a resolver's failure; everything else is the command line
		return &UsageError{cause}
	}
	return cause
}

// withoutPasswords strikes out the arguments that may hold a password: kong repeats what it doesn't understand.
func withoutPasswords(err error, args []string) error {
	var secrets []string
	for _, arg := range args {
		if mayHoldPassword(arg) {
			_, value, _ := strings.Cut(arg, "=")
			secrets = append(secrets, strconv.Quote(arg), arg, value)
		}
	}
	if text := safeurl.Redact(err.Error(), secrets...); text != err.Error() {
		return errors.New(text)
	}
	return err
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

// given reports whether a setting has a value from the environment or the command line, and not its default.
func given(parsed *kong.Context, getenv func(string) string, name string) bool {
	return getenv(name) != "" || slices.ContainsFunc(parsed.Path, func(p *kong.Path) bool {
		return p.Flag != nil && p.Flag.Tag.Get("var") == name
	})
}

// Variable describes one setting for people.
type Variable struct{ Name, Flag, Default, Allowed, Help string }

// Variables lists every setting in the order of [Config]'s fields.
func Variables() []Variable {
	parser, err := newParser(&Config{}, kong.Vars{
		"data_dir":       "per-user data folder",
		"log_format":     "`text` on a terminal, else `json`",
		"shutdown_delay": "`0s` on a terminal or with an embedded PostgreSQL, else `5s`",
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
