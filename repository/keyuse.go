package repository

import (
	"context"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/payonce/payonce/models"
)

// note remembers that a key was used, once per [useInterval]: most requests only read a number here.
func (a *Authenticator) note(entry knownKey, now time.Time) {
	last := entry.noted.Load()
	if now.Unix()-last < int64(useInterval/time.Second) || !entry.noted.CompareAndSwap(last, now.Unix()) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.used) < maxKeys {
		a.used[entry.key.ID] = true
	}
}

// WriteUse writes the use of up to limit keys down, and returns how many that were. What can't be written now stays for the next
// call; what a crash loses is noted again at the key's next use.
func (a *Authenticator) WriteUse(ctx context.Context, limit int) (int, error) {
	a.mu.Lock()
	ids := slices.Collect(maps.Keys(a.used))
	ids = ids[:min(limit, len(ids))]
	for _, id := range ids {
		delete(a.used, id)
	}
	a.mu.Unlock()
	if len(ids) == 0 {
		return 0, nil
	}
	if err := a.merchants.touchKeys(ctx, ids); err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, id := range ids {
			a.used[id] = true
		}
		return 0, err
	}
	return len(ids), nil
}

// touchKeys writes when keys were used, except those that another replica wrote lately.
func (m *Merchants) touchKeys(ctx context.Context, ids []string) error {
	return m.write(ctx, "write the use of API keys", func(tx *gorm.DB) *gorm.DB {
		return tx.Model(&models.APIKey{}).
			Where("id IN ? AND (last_used_at IS NULL OR last_used_at <= now() - make_interval(secs => ?))", ids, useInterval.Seconds()).
			Update("last_used_at", gorm.Expr("now()"))
	})
}
