package check

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// scanned is how many values are looked at together.
const scanned = 500

// checkRedis reads every cached value, and then its row: what is cached was committed before.
func (c *checker) checkRedis(ctx context.Context) error {
	if c.in.Redis == nil || len(c.in.Secrets) == 0 {
		c.report.skip("what is cached: no Redis, or no secret to verify it with, is given")
		return nil
	}
	keys, err := deriveKeys(c.in.Secrets)
	if err != nil {
		return err
	}
	for from := uint64(0); ; {
		names, next, err := c.in.Redis.Scan(ctx, from, "idem:*", scanned).Result()
		if err != nil {
			return err
		}
		if err := c.checkValues(ctx, keys, names); err != nil {
			return err
		}
		if from = next; from == 0 {
			return nil
		}
	}
}

func (c *checker) checkValues(ctx context.Context, keys []valueKeys, names []string) error {
	var values []*cached
	for _, name := range names {
		content, err := c.in.Redis.Get(ctx, name).Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
			return err
		}
		v, err := readValue(keys, content)
		switch {
		case errors.Is(err, errUnverified):
			c.report.Unverified++
			continue
		case errors.Is(err, errNoOutcome):
			continue
		case err != nil:
			c.report.violated(CacheHasRecord, "%s: %v", name, err)
			continue
		}
		c.report.Cached++
		if !slices.ContainsFunc(keys, func(k valueKeys) bool { return k.nameOf(v.id) == name }) {
			c.report.violated(CacheIsOwn, "%s holds the value of another key, of the merchant %s", name, v.id.merchant)
		}
		if !isOutcome(v.status) {
			c.report.violated(OnlyOutcomes, "%s holds a %d", name, v.status)
		}
		values = append(values, v)
	}
	return c.compareValues(ctx, values)
}

// compareValues reads the rows of values.
func (c *checker) compareValues(ctx context.Context, values []*cached) error {
	if len(values) == 0 {
		return nil
	}
	var merchants, hashes []string
	for _, v := range values {
		merchants = append(merchants, v.id.merchant.String())
		hashes = append(hashes, hex.EncodeToString(v.id.hash[:]))
	}
	i := 0
	return each(ctx, c.in.DB, `SELECT coalesce(k.state, ''), coalesce(k.fingerprint, ''), coalesce(k.status, 0),
		coalesce(k.headers::text, ''), coalesce(k.body, ''), k.sealed IS NOT NULL, coalesce(k.resource_type, ''),
		coalesce(k.resource_id, '00000000-0000-0000-0000-000000000000')
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY v (merchant, hash, i)
		LEFT JOIN idempotency_keys k ON k.merchant_id = v.merchant::uuid AND k.key_hash = decode(v.hash, 'hex') ORDER BY v.i`,
		[]any{merchants, hashes}, func(scan func(dest ...any) error) error {
			v := values[i]
			i++
			return c.compareValue(v, scan)
		})
}

func (c *checker) compareValue(v *cached, scan func(dest ...any) error) error {
	var (
		state, resourceType        string
		sealed                     bool
		fingerprint, headers, body []byte
		status                     int
		resource                   uuid.UUID
	)
	if err := scan(&state, &fingerprint, &status, &headers, &body, &sealed, &resourceType, &resource); err != nil {
		return err
	}
	name := fmt.Sprintf("the cached %d of the merchant %s, key hash %x", v.status, v.id.merchant, v.id.hash)
	switch state {
	case "completed":
		header, err := headersOf(headers)
		if err != nil {
			return err
		}
		body, err = c.open(v.id, sealed, body)
		shown, errShown := c.open(v.id, v.sealed, v.body)
		if err := errors.Join(err, errShown); err != nil {
			c.report.violated(CacheHasRecord, "%s doesn't open: %v", name, err)
			return nil
		}
		if digestOf(status, header, body) != digestOf(v.status, v.header, shown) || !bytes.Equal(fingerprint, v.fingerprint) ||
			resource != uuid.UUID(v.resource) || resourceType != v.resourceType {
			c.report.violated(CacheHasRecord, "%s differs from its record: %d %s", name, status, body)
		}
	case "expired":
		if left := time.Until(v.expires) - c.in.ClockError; left > 0 {
			c.report.violated(CacheHasRecord, "%s outlives its record by %s", name, left)
		}
	case "":
		c.report.violated(CacheHasRecord, "%s has no record", name)
	default:
		c.report.violated(CacheHasRecord, "%s is %s", name, state)
	}
	return nil
}
