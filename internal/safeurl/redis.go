package safeurl

import (
	"net/url"
	"strings"
)

// Redis checks the address of a Redis: a URL, a list of them with commas between (the later ones may leave the scheme out),
// or redis+sentinel://. It reads them like go-redis: the user and password end at the last @ before a slash. An earlier @ is
// refused, because other programs end the password there, and show the rest as a host.
func Redis(raw string) error {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		return &Error{"want redis://HOST:6379/0, or another of the forms in docs/settings.md"}
	}
	if scheme == "redis+sentinel" || scheme == "rediss+sentinel" {
		return checkSentinels(rest)
	}
	for i, item := range strings.Split(raw, ",") {
		item = strings.TrimSpace(item)
		if !strings.Contains(item, "://") {
			if i > 0 && strings.Contains(item, "@") {
				return refuse("an address after the first holds an @")
			}
			item = "redis://" + item
		}
		if err := checkRedis(item); err != nil {
			return err
		}
	}
	return nil
}

const earlierAt = "it holds an @ before the one that ends its password"

func checkRedis(item string) error {
	if err := wellWritten(item); err != nil {
		return err
	}
	u, err := url.Parse(item)
	_, rest, _ := strings.Cut(item, "://")
	authority, _, _ := strings.Cut(rest, "/")
	switch {
	case err != nil:
		return refuse("it is not a URL")
	case strings.Count(authority, "@") > 1:
		return refuse(earlierAt)
	case strings.Contains(item, "#") || strings.Contains(u.RawQuery, "@"):
		return refuse("an @ or a # stands behind its host")
	case u.Scheme == "unix" && u.User == nil && u.Host == "": // without a password, a path is a path
		return nil
	case u.Scheme == "unix" && (u.Host != "" || strings.Contains(u.Path, "@")):
		return refuse("its socket is not a path")
	case strings.ContainsAny(u.Path, "@:"):
		return refuse("an @ or a colon stands behind its host")
	}
	return checkHost(u.Host)
}

// checkSentinels: [user:password@]host,host/master?db=N, read like redis.Open does.
func checkSentinels(rest string) error {
	if err := wellWritten(rest); err != nil {
		return err
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, master, _ := strings.Cut(rest, "/")
	if strings.ContainsAny(master+query, "@/#:") || strings.Contains(authority, "#") && !strings.Contains(authority, "@") {
		return refuse("an @, a # or a slash stands behind its hosts")
	}
	if strings.Count(authority, "@") > 1 {
		return refuse(earlierAt)
	}
	for host := range strings.SplitSeq(authority[strings.LastIndexByte(authority, '@')+1:], ",") {
		if err := checkHost(host); err != nil {
			return err
		}
	}
	return nil
}
