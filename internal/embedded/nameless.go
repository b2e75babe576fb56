package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// namedAccount is a way to run initdb under a name that our user hasn't got.
type namedAccount struct {
	what string
	as   account
	env  []string
}

// namedAccounts are the ways that this machine has, for a user without a name,
// as containers run with any number (docker run --user 54321). The server itself
// doesn't ask for a name. scratch is a private folder for the files of names.
func namedAccounts(as account, scratch string) []namedAccount {
	if as.drop {
		return nil // root chose a user with a name
	}
	var ways []namedAccount
	if lent, ok := lendName(); ok {
		ways = append(ways, namedAccount{what: "user namespace", as: lent})
	}
	if library := wrapperLibrary(); library != "" {
		if env, err := wrapperSettings(library, scratch); err == nil {
			ways = append(ways, namedAccount{what: library, as: as, env: env})
		}
	}
	return ways
}

// wrapperLibrary is nss_wrapper, if it is installed: preloaded, it reads the
// users' names from a file of our own (https://cwrap.org/nss_wrapper.html).
func wrapperLibrary() string {
	for _, pattern := range []string{"/usr/lib/*/libnss_wrapper.so", "/usr/lib64/libnss_wrapper.so", "/usr/lib/libnss_wrapper.so"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

func wrapperSettings(library, dir string) ([]string, error) {
	passwd, group := filepath.Join(dir, "passwd"), filepath.Join(dir, "group")
	err := errors.Join(
		os.WriteFile(passwd, fmt.Appendf(nil, "payonce:x:%d:%d::/:/bin/false\n", os.Geteuid(), os.Getegid()), 0o600),
		os.WriteFile(group, fmt.Appendf(nil, "payonce:x:%d:\n", os.Getegid()), 0o600),
	)
	return []string{"LD_PRELOAD=" + library, "NSS_WRAPPER_PASSWD=" + passwd, "NSS_WRAPPER_GROUP=" + group}, err
}

// emptyFolder removes what a try left in a folder and keeps the folder.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("clear away an unfinished cluster: %w", err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("clear away an unfinished cluster: %w", err)
		}
	}
	return nil
}
