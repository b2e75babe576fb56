package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/payonce/payonce/internal/safeurl"
)

var errURL = errors.New("want redis://, rediss://, unix://, a comma-separated list of them (Cluster), " +
	"or redis+sentinel://host1,host2/master")

// Open connects lazily: a Redis that is away is no error. A comma-separated list of addresses is a Cluster;
// redis+sentinel://user:password@host1,host2/master?db=N asks sentinels for the master. Errors never hold the URL,
// because that may hold a password.
//
// go-redis keeps one logger for the whole process and by default writes to stderr; here it goes to log, at debug
// level, with this URL's password struck out. What matters about Redis is counted and logged by [Cache].
func Open(rawURL string, log *slog.Logger) (redis.UniversalClient, error) {
	if err := safeurl.Redis(rawURL); err != nil {
		return nil, err
	}
	options, err := clientOptions(rawURL)
	if err != nil {
		return nil, err
	}
	redis.SetLogger(clientLog{log, options.Password})
	switch {
	case options.MasterName != "":
		return redis.NewFailoverClient(options.Failover()), nil
	case len(options.Addrs) > 1:
		return redis.NewClusterClient(options.Cluster()), nil
	}
	return redis.NewClient(options.Simple()), nil
}

// clientOptions are go-redis' options with its defaults put right: they suit a cache that one can wait for, and here
// no request waits for it long.
func clientOptions(rawURL string) (*redis.UniversalOptions, error) {
	var o *redis.UniversalOptions
	var err error
	scheme, rest, _ := strings.Cut(rawURL, "://")
	if scheme == "redis+sentinel" {
		o, err = sentinelOptions(rest)
	} else {
		o, err = listOptions(rawURL)
	}
	if err != nil {
		return nil, err
	}
	o.MaxRetries = -1 // a SET NX sent again after a lost reply would fail for the request whose SET had succeeded
	o.DialerRetries = 1
	o.DialTimeout = 200 * time.Millisecond
	o.ReadTimeout, o.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	o.PoolTimeout = 50 * time.Millisecond
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.Protocol = 2 // nothing of RESP3 is used, and its push messages cost a look at the socket before each command
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PoolSize = min(max(4*runtime.GOMAXPROCS(0), 16), 64)
	o.PipelinePoolSize = -1 // everything here is a pipeline: one pool, whose idle connections are ready at the start
	o.MinIdleConns = 4
	o.ConnMaxIdleTime = 5 * time.Minute
	return o, nil
}

// listOptions reads one URL, or several for a Cluster; credentials and TLS are the first one's.
func listOptions(list string) (*redis.UniversalOptions, error) {
	var all *redis.UniversalOptions
	for i, item := range strings.Split(list, ",") {
		item = strings.TrimSpace(item)
		if i > 0 && !strings.Contains(item, "://") {
			item = "redis://" + item
		}
		one, err := redis.ParseURL(item)
		if err != nil {
			return nil, errURL // not wrapped: net/url quotes its input, password and all
		}
		if i == 0 {
			all = &redis.UniversalOptions{Username: one.Username, Password: one.Password, DB: one.DB, TLSConfig: one.TLSConfig}
		}
		all.Addrs = append(all.Addrs, one.Addr)
	}
	if len(all.Addrs) > 1 && all.DB != 0 {
		return nil, errors.New("a Redis Cluster has no database but 0")
	}
	return all, nil
}

// sentinelOptions reads [user:password@]host1,host2/master?db=N. The credentials are the master's; net/url refuses
// lists of hosts with ports, so the parts are cut here.
func sentinelOptions(rest string) (*redis.UniversalOptions, error) {
	rest, query, _ := strings.Cut(rest, "?")
	authority, master, _ := strings.Cut(rest, "/")
	o := &redis.UniversalOptions{MasterName: master}
	hosts := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		var errUser, errPassword error
		o.Username, errUser = url.PathUnescape(user)
		o.Password, errPassword = url.PathUnescape(password)
		if errUser != nil || errPassword != nil {
			return nil, errURL
		}
		hosts = authority[at+1:]
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if host == "" || master == "" {
			return nil, errURL
		}
		if !strings.Contains(host, ":") {
			host += ":26379"
		}
		o.Addrs = append(o.Addrs, host)
	}
	return o, sentinelQuery(o, query)
}

func sentinelQuery(o *redis.UniversalOptions, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errURL
	}
	for name := range values {
		switch name {
		case "db":
			if o.DB, err = strconv.Atoi(values.Get(name)); err != nil || o.DB < 0 {
				return errors.New("db: want a number")
			}
		case "tls":
			if values.Get(name) == "true" {
				o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
			}
		default:
			return fmt.Errorf("unknown parameter %q: want db or tls", name)
		}
	}
	return nil
}

// clientLog is go-redis' logger.
type clientLog struct {
	log      *slog.Logger
	password string
}

func (l clientLog) Printf(ctx context.Context, format string, v ...any) {
	if !l.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	l.log.DebugContext(ctx, "go-redis", "text", safeurl.Redact(fmt.Sprintf(format, v...), l.password))
}
