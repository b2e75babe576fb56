package embedded

import (
	"errors"
	"fmt"
	"strings"
)

// because is err with the reason that a program of PostgreSQL wrote before it
// ended, in one line, and what to do about it.
func because(output string, err error) error {
	line := reason(output)
	if line == "" {
		return err
	}
	if remedy := remedy(output); remedy != "" {
		line += ": " + remedy
	}
	return fmt.Errorf("%w: %s", err, line)
}

// reason finds the line in which a program says why it ended: the last of the
// most severe ones, without the time and the process before it.
func reason(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	for _, severity := range []string{"PANIC:", "FATAL:", "error:", "ERROR:", ""} {
		for i := len(lines) - 1; i >= 0; i-- {
			_, text, found := strings.Cut(lines[i], severity)
			// It says so to each of our questions while it starts.
			if text = strings.TrimSpace(text); found && text != "" && !strings.HasPrefix(text, "the database system is ") {
				return text
			}
		}
	}
	return ""
}

const anotherUser = "run payonce as the user that the folder belongs to, give the folder to this one (chown -R), or set DATA_DIR to another folder"

const damaged = "the data is damaged or not whole: restore the folder from a backup, or set DATA_DIR to another one"

// remedies are what to do about the reasons that people meet.
var remedies = []struct{ text, remedy string }{
	{"No space left on device", "free some space on the disk of the data folder, or set DATA_DIR to a folder on another disk"},
	{"Disk quota exceeded", "free some space, or set DATA_DIR to a folder on another disk"},
	{"Read-only file system", "set DATA_DIR to a folder that can be written"},
	{"has wrong ownership", anotherUser},
	{"has invalid permissions", "run chmod 700 on it"},
	{"ermission denied", anotherUser},
	{"are incompatible with server", "another build of PostgreSQL wrote the data: set PG_BIN_DIR to that one's programs, or DATA_DIR to another folder"},
	{"Cannot allocate memory", "PostgreSQL needs about 100 MB of memory: allow more, or set DATABASE_URL to a server that runs"},
	{"could not access the server configuration file", damaged},
	{"is not a valid data directory", damaged},
	{"could not locate a valid checkpoint record", damaged},
}

func remedy(output string) string {
	for _, r := range remedies {
		if strings.Contains(output, r.text) {
			return r.remedy
		}
	}
	return ""
}

// errNameless: initdb looks our user's name up, also where it doesn't need it.
func errNameless(as account) error {
	who := ourselves()
	if as.drop {
		who = "user " + as.name
	}
	return errors.New(who + " has no name in /etc/passwd, and initdb, which makes PostgreSQL's data folder, refuses to work without: " +
		"run payonce as a user with a name, add a line for this one to /etc/passwd, install nss_wrapper, " +
		"or set DATABASE_URL to a PostgreSQL that runs")
}

// lacksName says whether initdb ended because our user has no name.
func lacksName(output string) bool {
	return strings.Contains(output, "could not look up effective user ID") || strings.Contains(output, "could not look up local user ID")
}
