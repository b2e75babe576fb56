package embedded

import (
	"errors"
	"strings"
	"testing"
)

func TestWithoutPostgresTheErrorNamesThreeWaysOut(t *testing.T) {
	t.Parallel()
	err := notFound(nil, nil, errors.New("it is forbidden"))
	if !errors.Is(err, ErrNoPostgres) {
		t.Fatalf("nothing installed: %v", err)
	}
	for _, way := range []string{"DATABASE_URL", "install PostgreSQL", "PG_BIN_DIR"} {
		if !strings.Contains(err.Error(), way) {
			t.Errorf("%q doesn't name %s", err, way)
		}
	}
}

func TestTheNewestServerIsTakenUnlessThereIsData(t *testing.T) {
	t.Parallel()
	installed := []binaries{{major: 15, version: "15.2"}, {major: 17, version: "17.1"}, {major: 16, version: "16.3"}}
	for _, c := range []struct {
		name     string
		existing []int
		want     int
	}{
		{"no data", nil, 17},
		{"data of an older one", []int{15}, 15},
		{"data of two", []int{15, 16}, 16},
		{"data of one that is gone as well", []int{14, 16}, 16},
	} {
		if got, ok := choose(installed, c.existing); !ok || got.major != c.want {
			t.Errorf("%s: %d (%t), want %d", c.name, got.major, ok, c.want)
		}
	}
	if got, ok := choose(installed, []int{14}); ok {
		t.Errorf("for the data of one that is gone: %d", got.major)
	}
	if err := notFound(installed, []int{14}, errors.New("it is forbidden")); !strings.Contains(err.Error(), "install PostgreSQL 14") {
		t.Errorf("data of one that is gone: %v", err)
	}
}
