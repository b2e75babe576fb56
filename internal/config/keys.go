package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// KeyCreate makes another API key for a merchant and prints it once.
type KeyCreate struct {
	Config
	Merchant string `required:"" placeholder:"mer_…" help:"Id of the merchant."`
	Scopes   string `placeholder:"read,write" help:"Comma-separated list of what the key may do: read, write, refunds, webhooks, admin (all). Default: all."`
	Expires  string `placeholder:"90d" help:"When the key ends: a duration (90d, 12h), a time (RFC 3339), or a date. Default: never."`
	Name     string `help:"Name of the key, to tell it from others."`
	JSON     bool   `name:"json" help:"Print JSON."`

	expires time.Time
	lasts   time.Duration
}

// Help is what --help says below the usage line.
func (*KeyCreate) Help() string {
	return "To replace a key, make another one, change the clients over, and revoke the old one: a merchant may have any number of " +
		"valid keys. A key begins with sk_test_ while the provider is the simulator (PROVIDER_URL), else with sk_live_."
}

// KeyList lists API keys.
type KeyList struct {
	Config
	Merchant string `placeholder:"mer_…" help:"Only keys of this merchant."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

func (c *KeyCreate) check() (err error) {
	if c.expires, c.lasts, err = expiry(c.Expires); err != nil {
		return err
	}
	return c.checkData()
}

// ExpiresAt is when the key ends, by the time now; nil: never.
func (c *KeyCreate) ExpiresAt(now time.Time) (*time.Time, error) {
	at := c.expires
	if c.lasts > 0 {
		at = now.Add(c.lasts).UTC().Truncate(time.Microsecond)
	}
	switch {
	case at.IsZero():
		return nil, nil
	case !at.After(now):
		return nil, &UsageError{fmt.Errorf("--expires is %s, which is over", at.UTC().Format(time.RFC3339))}
	}
	return &at, nil
}

// expiry reads a time, a date or a duration, which may be in days.
func expiry(text string) (at time.Time, lasts time.Duration, err error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return time.Time{}, time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if lasts, err = time.ParseDuration(text); err == nil && lasts > 0 {
		return time.Time{}, lasts, nil
	}
	if at, err = moment("--expires", text); err != nil {
		err = &UsageError{fmt.Errorf("--expires is %.40q; allowed: a duration such as 90d or 12h, a time such as 2026-11-29T15:04:05Z, or a date", text)}
	}
	return at, 0, err
}
