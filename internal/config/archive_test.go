package config_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/config"
)

func TestArchiveIsTheCommandWhenNoOtherIsNamed(t *testing.T) {
	t.Parallel()
	env := map[string]string{"ARCHIVE_DIR": "/srv/archive"}
	for _, args := range [][]string{
		{"archive", "--before", "2020-01-02"}, {"archive", "run", "--before", "2020-01-02T00:00:00Z"}, {"archive", "--before=2020-01-02", "--to", "/srv/archive"},
	} {
		command, err := parse(t, env, args...)
		got, ok := command.(*config.ArchiveRun)
		if err != nil || !ok || got.To != "/srv/archive" || !got.Time().Equal(time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)) || got.Events {
			t.Errorf("%v: got %+v, %v", args, command, err)
		}
	}
	command, err := parse(t, env, "archive", "find", "run", "--dir", "/elsewhere")
	if got, ok := command.(*config.ArchiveFind); err != nil || !ok || got.Key != "run" || got.Dir != "/elsewhere" {
		t.Errorf("got %+v, %v; want to find the key run", command, err)
	}
	command, err = parse(t, env, "archive", "verify")
	if got, ok := command.(*config.ArchiveVerify); err != nil || !ok || got.Dir != "/srv/archive" || got.Database {
		t.Errorf("got %+v, %v", command, err)
	}
	if got := serve(t, env); got.ArchiveDir != "/srv/archive" {
		t.Errorf("got ARCHIVE_DIR %q", got.ArchiveDir)
	}
}

func TestArchiveRefusesWhatWouldForgetKeysEarly(t *testing.T) {
	t.Parallel()
	young := time.Now().Add(-48 * time.Hour).UTC().Format(time.RFC3339)
	for _, test := range []struct {
		env  map[string]string
		args []string
		says string // "": it is taken
	}{
		{nil, []string{"--to", "/a"}, "--before"},
		{nil, []string{"--before", "2020-01-01"}, "ARCHIVE_DIR"},
		{nil, []string{"--before", "yesterday", "--to", "/a"}, "yesterday"},
		{nil, []string{"--before", young, "--to", "/a"}, "IDEMPOTENCY_TOMBSTONE_RETENTION is 8760h"},
		{nil, []string{"--before", young, "--to", "/a", "--events"}, ""},
		{map[string]string{"IDEMPOTENCY_TOMBSTONE_RETENTION": "47h"}, []string{"--before", young, "--to", "/a"}, ""},
	} {
		_, err := parse(t, test.env, append([]string{"archive"}, test.args...)...)
		_, usage := errors.AsType[*config.UsageError](err)
		if test.says == "" && err != nil || test.says != "" && (!usage || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%v: got %v, want %q", test.args, err, test.says)
		}
	}
}
