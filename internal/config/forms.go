package config

import (
	"math"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/payonce/payonce/internal/safeurl"
)

// checks are the forms of text that a field names in its check tag. They are light: the client of each store knows the
// rest and says so when it opens.
var checks = map[string]struct {
	check   func(string) error
	allowed string
}{
	"address":  {checkAddress, "HOST:PORT, such as 127.0.0.1:8080; an empty host listens everywhere, port 0 picks a free one"},
	"folder":   {checkFolder, "a folder"},
	"ratio":    {checkRatio, "a number from 0 to 1"},
	"http":     {safeurl.HTTP, "a URL with http:// or https:// and a host"},
	"proxies":  {checkProxies, "addresses and CIDR blocks, comma-separated, such as 10.0.0.7,192.168.0.0/24; no block may hold every address"},
	"postgres": {checkPostgres, "a URL such as postgres://USER:PASSWORD@HOST:5432/DATABASE"},
	"redis": {checkRedis, "redis://HOST:6379/0, rediss://…, unix:///PATH, a comma-separated list of cluster nodes, " +
		"or redis+sentinel://HOST:26379/MASTER"},
}

func checkText(value *kong.Value, text string) error {
	if options := value.Tag.Get("oneof"); options != "" {
		return unless(slices.Contains(strings.Split(options, ","), text))
	}
	if check, ok := checks[value.Tag.Get("check")]; ok && (text != "" || value.HasDefault) {
		return check.check(text)
	}
	return nil
}

func checkAddress(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || strings.ContainsAny(host, " /@") {
		return errNotAllowed
	}
	number, err := strconv.Atoi(port)
	return unless(err == nil && 0 <= number && number <= math.MaxUint16)
}

// checkFolder refuses an address in the wrong place: what fails with a folder shows its name.
func checkFolder(text string) error { return unless(!strings.Contains(text, "://")) }

func checkRatio(text string) error {
	ratio, err := strconv.ParseFloat(text, 64)
	return unless(err == nil && 0 <= ratio && ratio <= 1)
}

// checkPostgres takes URLs only: keywords and values would look the same as a wrong URL.
func checkPostgres(text string) error {
	if !strings.Contains(text, "://") {
		return errNotAllowed
	}
	return safeurl.Postgres(text)
}

func checkRedis(text string) error {
	if !isRedis(text) {
		return errNotAllowed
	}
	return safeurl.Redis(text)
}

// isRedis accepts a comma-separated list whose later members may leave out the scheme, as go-redis and most tools write it.
func isRedis(text string) bool {
	first, rest, _ := strings.Cut(text, ",")
	scheme, where, found := strings.Cut(first, "://")
	known := slices.Contains([]string{"redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"}, scheme)
	if !found || !known || where == "" {
		return false
	}
	for node := range strings.SplitSeq(rest, ",") {
		if rest != "" && strings.TrimSpace(node) == "" {
			return false
		}
	}
	return true
}

func unless(ok bool) error {
	if ok {
		return nil
	}
	return errNotAllowed
}
