package safeurl_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/payonce/payonce/internal/safeurl"
)

func TestAnAddressThatClientsReadAsItIsMeantIsAccepted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		check     func(string) error
		addresses []string
	}{
		{safeurl.Postgres, []string{
			"postgres://u:p@h/d", "postgresql://h", "postgres://u@h:5432/d?sslmode=disable", "postgres://u:p%40w%2F%3A@h/d", "postgres://u:p#w@h/d", "postgres://:p@h/d",
			"postgres://u:p:w[]!$&'()*+,;=@h/d", "postgres://u:p@h1:1,h2,[::1]:2/d?target_session_attrs=read-write", "postgres://u:p@[fe80::1%25eth0]:1/d",
			"postgres:///d?host=/tmp/payonce.sock&port=5432&user=payonce&sslmode=disable", "postgres://%2Frun%2Fpostgresql/d", "postgres://u:p@/d?host=/tmp/x&search_path=a,b",
			"postgres:///d?host=h&user=me@tenant&password=p%40w", "postgres:///d?user=u&password=a@b", "postgres://h/d?my.setting=1&deadlock_timeout=20ms", "postgres://h/d?",
			"postgres://u:p@db-1.prod_x.example.:6432/d%40x", "host=h user=u password='p w' dbname=d", `host=h password=p\ w`,
		}},
		{safeurl.Redis, []string{
			"redis://h", "redis://h:6379/0", "rediss://u:p@h:1/2?read_timeout=1s", "redis://:p%40w@h", "redis://u:p@a:1,b:2, redis://c:3", "redis://[::1]:1",
			"unix:///run/redis.sock?db=1", "unix:///tmp/an@sign/redis.sock", "unix://u:p@/run/redis.sock", "redis+sentinel://u:p%2Fw@a:1,b,[::1]:3/main?db=1&tls=true",
		}},
		{safeurl.HTTP, []string{"http://h", "https://h:1/", "https://u:p@mirror/npm", "http://[::1]:8080", "http://127.0.0.1:9090"}},
	} {
		for _, address := range test.addresses {
			if err := test.check(address); err != nil {
				t.Errorf("%s: got %v, want it accepted", address, err)
			}
		}
	}
}

func TestAnAddressThatHoldsAPieceOfAPasswordIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for form, check := range forms() {
		for _, special := range []string{"@", "/", "#", "?", "%", "%zz", " ", "[", "]", ":", "@a/", "@a:1/", "/1@", "1/", "&a=", ",", "1,", "@@", "#@", "?x=", "'", `"`, `\`, "\n", "\x00", "é"} {
			address := fmt.Sprintf(form, first+special+second)
			err := check(address)
			if err == nil {
				if special == "@" && !strings.Contains(form, "password=") && !strings.HasPrefix(form, "http") {
					t.Errorf("%s: accepted; a client could take the end of the password for a host", address)
				}
				continue // the next test says that its client reads it rightly
			}
			checkSilent(t, address, err.Error())
			if _, ok := errors.AsType[*safeurl.Error](err); !ok {
				t.Errorf("%s: got a %T, want a *safeurl.Error", address, err)
			}
		}
	}
}

// Whatever stands in a password: an address that is accepted has it nowhere but where its client looks for a password.
func TestAnAcceptedAddressHasItsPasswordOnlyWhereTheClientLooksForIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom(strings.Split("@ / : ? # % [ ] , = & ' \\ + ; $ . 1 a x= %40 %2F %25 ="+" "+first+" "+second, " ")), 1, 8)
		password := strings.Join(pieces.Draw(t, "pieces"), "")
		form := rapid.SampledFrom(formNames()).Draw(t, "form")
		address := strings.Replace(form, "%s", password, 1)
		address = strings.ReplaceAll(address, "%%", "%")
		if forms()[form](address) != nil {
			return
		}
		for _, shown := range shownBy(t, form, address) {
			checkSilent(t, address, shown)
		}
	})
}

const first, second = "kq7zdm3x", "w9vtr5hb"

// forms are addresses with a place for a password, and how they are checked.
func forms() map[string]func(string) error {
	return map[string]func(string) error{
		"postgres://u:%s@h/d": safeurl.Postgres, "postgres://u:%s@h:5432/d?sslmode=disable": safeurl.Postgres, "postgres://:%s@h": safeurl.Postgres,
		"postgres://u:%s@h1,h2:1/d": safeurl.Postgres, "postgres://h/d?user=u&password=%s": safeurl.Postgres, "postgres:///d?password=%s&host=h": safeurl.Postgres,
		"host=h user=u password=%s dbname=d": safeurl.Postgres, "host=h password='%s' dbname=d": safeurl.Postgres, "password=%s": safeurl.Postgres,
		"redis://:%s@h:6379/0": safeurl.Redis, "rediss://u:%s@h": safeurl.Redis, "redis://u:%s@a:1,b:2": safeurl.Redis, "redis://a:1,redis://u:%s@b:2": safeurl.Redis,
		"redis+sentinel://u:%s@a:1,b:2/main?db=1": safeurl.Redis, "unix://u:%s@/run/redis.sock": safeurl.Redis,
		"http://u:%s@h:1/": safeurl.HTTP, "https://u:%s@h": safeurl.HTTP,
	}
}

func formNames() []string { return slices.Sorted(maps.Keys(forms())) }

// shownBy is what a client's errors may show of an address: all but the password.
func shownBy(t *rapid.T, form, address string) (shown []string) {
	switch {
	case strings.HasPrefix(form, "redis+sentinel"): // read by package repository; its hosts are what follows the last @
		_, after, _ := strings.Cut(address, "://")
		return []string{after[strings.LastIndexByte(after, '@'):]}
	case strings.HasPrefix(form, "redis"), strings.HasPrefix(form, "unix"):
		for item := range strings.SplitSeq(address, ",") {
			if !strings.Contains(item, "://") {
				shown = append(shown, item)
			} else if options, err := redis.ParseURL(item); err == nil { // its errors are never shown
				shown = append(shown, options.Addr)
			}
		}
	case strings.HasPrefix(form, "http"):
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return []string{u.Host, u.Path, u.RawQuery, u.Fragment}
	default:
		config, err := pgx.ParseConfig(address)
		if err != nil {
			return []string{safeurl.Cause(err, address).Error()}
		}
		shown = append(shown, config.Host, config.Database, fmt.Sprint(config.RuntimeParams))
		if config.User != "" && !strings.Contains(form, "user=") {
			shown = append(shown, config.User)
		}
		for _, fallback := range config.Fallbacks {
			shown = append(shown, fallback.Host)
		}
	}
	return shown
}

// checkSilent: nothing of 6 characters or more of the password's pieces stands in the text.
func checkSilent(t interface{ Errorf(string, ...any) }, address, text string) {
	for _, piece := range []string{first, second} {
		for i := 0; i+6 <= len(piece); i++ {
			if strings.Contains(text, piece[i:i+6]) {
				t.Errorf("%s: %q shows a piece of the password", address, text)
				return
			}
		}
	}
}

func TestARefusalSaysHowToWriteThePassword(t *testing.T) {
	t.Parallel()
	for address, says := range map[string]string{
		"postgres://u:p@w@h/d": "its host holds an @", "postgres://u:p/w@h/d": "its port is not a number", "postgres://u:1/w@h/d": "database holds an @",
		"postgres://u:p%w@h/d": "two hexadecimal digits", "postgres://u:p w@h/d": "a space", "postgres://h%40x/d": "its host holds an @",
		"redis://u:p@w@h": "an @ before", "rediss://u:p@w@h:1/2": "an @ before", "redis+sentinel://u:p@w@h/main": "an @ before", "unix://u:p@w@/run/x.sock": "an @ before",
	} {
		check := safeurl.Postgres
		if !strings.HasPrefix(address, "postgres") {
			check = safeurl.Redis
		}
		err := check(address)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "@ as %40") {
			t.Errorf("%s: got %v; want it to say %q and how an @ is written", address, err, says)
		}
	}
}

type failing struct{ err error }

func (f failing) Connect(context.Context) (driver.Conn, error) { return nil, f.err }
func (failing) Driver() driver.Driver                          { return nil }

func TestWhatAServerSaysIsShownWithoutThePassword(t *testing.T) {
	t.Parallel()
	refused := errors.New(`FATAL: no "p@ss/word" and no p%40ss%2Fword for u (SQLSTATE 28P01)`)
	for _, address := range []string{
		"postgres://u:p%40ss%2Fword@h/d", "postgres://h/d?user=u&password=p%40ss%2Fword", "host=h password='p@ss/word' sslpassword=p%40ss%2Fword",
	} {
		_, err := safeurl.Connector(failing{refused}, address).Connect(t.Context())
		if err == nil || err.Error() != `FATAL: no "***" and no *** for u (SQLSTATE 28P01)` || !errors.Is(err, refused) {
			t.Errorf("%s: got %v, want the server's error without the password", address, err)
		}
	}
	plain := errors.New("connection refused")
	if _, err := safeurl.Connector(failing{plain}, "postgres://u:p@h/d").Connect(t.Context()); err != plain { //nolint:errorlint // the very same
		t.Errorf("got %v, want the error as it was", err)
	}
}
