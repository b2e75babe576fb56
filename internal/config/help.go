package config

import (
	"slices"

	"github.com/alecthomas/kong"
)

// usualForm lets people ask for help and the version in the ways that other programs understand, too.
func usualForm(args []string) []string {
	if len(args) == 0 {
		return args
	}
	switch args[0] {
	case "help":
		return append(slices.Clone(args[1:]), "--help")
	case "--version", "-v", "-V":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

// database are the settings by which a command finds the database.
var database = []string{"DATABASE_URL", "DATA_DIR", "PG_BIN_DIR", "PAYONCE_NO_DOWNLOAD", "PAYONCE_DOWNLOAD_URL", "LOG_LEVEL", "LOG_FORMAT"}

// used are the settings that each command uses; serve uses all. Help shows only those: the others' flags are accepted
// everywhere, because the variables are the same for all commands of a deployment.
var used = map[string][]string{
	"merchant":  append([]string{"PROVIDER_URL"}, database...), // decides between sk_test_ and sk_live_
	"migrate":   database,
	"reconcile": append([]string{"PROVIDER_URL", "PROVIDER_SECRET_KEY", "PROVIDER_TIMEOUT"}, database...),
	"archive":   append([]string{"ARCHIVE_DIR", "IDEMPOTENCY_TOMBSTONE_RETENTION"}, database...),
	"listen":    {"ADDR", "DATA_DIR"},
}

// hideUnusedSettings keeps the help of all commands but serve to the settings that they use.
func hideUnusedSettings(k *kong.Kong) error {
	for _, top := range k.Model.Children {
		if top.Name == "serve" {
			continue
		}
		err := kong.Visit(top, func(node kong.Visitable, next kong.Next) error {
			if command, ok := node.(*kong.Node); ok {
				for _, flag := range command.Flags {
					setting := flag.Group != nil
					flag.Hidden = flag.Hidden || setting && !slices.Contains(used[top.Name], flag.Tag.Get("var"))
				}
			}
			return next(nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
