package embedded

import (
	"errors"
	"strings"
	"testing"
)

func TestWithoutPostgresTheErrorNamesThreeWaysOut(t *testing.T) {
	t.Parallel()
	_, err := choose(nil, nil)
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
		if got, err := choose(installed, c.existing); err != nil || got.major != c.want {
			t.Errorf("%s: %d (%v), want %d", c.name, got.major, err, c.want)
		}
	}
	if _, err := choose(installed, []int{14}); err == nil || !strings.Contains(err.Error(), "install PostgreSQL 14") {
		t.Errorf("data of one that is gone: %v", err)
	}
}
