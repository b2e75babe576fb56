// Command checker verifies, after a run of payonce in which everything was allowed to fail, that it kept its promise. It
// reads the clients' history, PostgreSQL, Redis, the provider's charges, the list of faults and the service's logs, prints a
// report, and ends with 0 when every rule holds, 1 when one doesn't, 2 when it was used wrongly.
package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/check"
)

// options are the command line. Secrets come from the environment alone: everybody can read a command line.
type options struct {
	History     string        `help:"The clients' history: JSON lines, plain or compressed." placeholder:"FILE"`
	DatabaseURL string        `help:"PostgreSQL." env:"DATABASE_URL" required:""`
	RedisURL    string        `help:"Redis; with SECRET_KEY in the environment what is cached there is verified." env:"REDIS_URL"`
	Charges     string        `help:"The simulator's charges: its admin address, a file with what it lists there, or its data folder." placeholder:"URL|FILE|FOLDER"`
	Faults      string        `help:"The list of faults: JSON lines." placeholder:"FILE"`
	Log         []string      `help:"A log in which no secret may stand. May be repeated." placeholder:"FILE"`
	Bound       time.Duration `help:"Lease + recovery interval + provider timeout: a key is not in progress for longer. 0 switches it off." default:"42s"`
	SameClock   bool          `help:"The history's clock is PostgreSQL's, too." default:"true" negatable:""`
}

const usage = `Verify that payonce kept its promise: one effect, one answer and one charge per key, whatever failed.

A line of the history:
  {"merchant":"mer_...","key":"k1","method":"POST","path":"/v1/orders","request":"the same for the same request",
   "sent":1767225600000000,"answered":1767225600012345,"status":201,"body":"...","header":{"Content-Type":"..."},
   "replayed":true,"error":"..."}
A line of the list of faults ("stops": the fault may stop the service for all clients while it lasts):
  {"kind":"kill","target":"replica 1","began":1767225600000000,"ended":1767225600150000,"stops":true}
Times are microseconds since 1970. Without an answer the status is 0. Only then, and with 5xx, is nothing concluded.`

func main() {
	var opt options
	parser := kong.Must(&opt, kong.Name("checker"), kong.Description(usage), kong.UsageOnError())
	if _, err := parser.Parse(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "checker:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	report, err := run(ctx, opt, os.Getenv)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "checker:", err)
		os.Exit(1)
	}
	fmt.Print(report)
	if !report.OK() {
		os.Exit(1)
	}
}

func run(ctx context.Context, opt options, getenv func(string) string) (report *check.Report, err error) {
	in := check.Input{Logs: opt.Log, Bound: opt.Bound, SameClock: opt.SameClock}
	if opt.History != "" {
		in.History = check.ReadHistory(opt.History)
	}
	if opt.Charges != "" {
		if in.Charges, err = check.ReadCharges(ctx, opt.Charges); err != nil {
			return nil, err
		}
	}
	if opt.Faults != "" {
		if in.Faults, err = check.ReadFaults(opt.Faults); err != nil {
			return nil, err
		}
	}
	if in.Secrets, err = secrets(getenv("SECRET_KEY")); err != nil {
		return nil, err
	}
	in.Forbidden = forbidden(opt, getenv)
	db, err := sql.Open("pgx", opt.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	in.DB = db
	if opt.RedisURL != "" {
		options, err := redis.ParseURL(opt.RedisURL)
		if err != nil {
			return nil, errors.New("REDIS_URL: want redis://, rediss:// or unix://, of one server")
		}
		client := redis.NewClient(options)
		defer func() { _ = client.Close() }()
		in.Redis = client
	}
	return check.Run(ctx, in)
}

// secrets are the SECRET_KEYs: 32 bytes in base64, two during rotation.
func secrets(list string) (keys [][]byte, err error) {
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("SECRET_KEY is not base64")
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// forbidden is every secret that this process knows, without passwords that may stand in a log as ordinary words.
func forbidden(opt options, getenv func(string) string) (list []string) {
	for text := range strings.SplitSeq(getenv("SECRET_KEY"), ",") {
		list = append(list, strings.TrimSpace(text))
	}
	list = append(list, getenv("PROVIDER_SECRET_KEY"))
	for _, store := range []string{opt.DatabaseURL, opt.RedisURL} {
		if u, err := url.Parse(store); err == nil {
			password, _ := u.User.Password()
			list = append(list, password)
		}
	}
	return slices.DeleteFunc(list, func(secret string) bool { return len(secret) < 8 })
}
