package models_test

import (
	"testing"
	"time"

	"github.com/payonce/payonce/models"
)

func TestChangedAtNeverGoesBack(t *testing.T) {
	t.Parallel()
	last := time.Date(2026, 11, 30, 2, 32, 34, 691195000, time.UTC)
	for ahead, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, time.Microsecond: time.Microsecond, 0: time.Microsecond, -247 * time.Microsecond: time.Microsecond,
	} {
		if got := models.ChangedAt(last, last.Add(ahead)); got.Sub(last) != want {
			t.Errorf("%s ahead: got %s later, want %s", ahead, got.Sub(last), want)
		}
	}
}
