package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// ValueError is a setting with a value that is not allowed.
type ValueError struct {
	Variable string
	Value    string // empty and not shown when Secret
	Secret   bool
	Allowed  string
}

func (e *ValueError) Error() string {
	if e.Secret {
		return fmt.Sprintf("%s has a wrong value (not shown); allowed: %s", e.Variable, e.Allowed)
	}
	return fmt.Sprintf("%s is %q; allowed: %s", e.Variable, e.Value, e.Allowed)
}

var errNotAllowed = errors.New("value is not allowed")

// mapper decodes every value of the grammar, so that each refusal has the same form.
type mapper struct{}

func mappers() kong.Option {
	types := []any{time.Duration(0), slog.Level(0), RateLimit{}, SecretKeys{}}
	return kong.OptionFunc(func(k *kong.Kong) error {
		options := []kong.Option{
			kong.KindMapper(reflect.String, mapper{}),
			kong.KindMapper(reflect.Int, mapper{}),
		}
		for _, t := range types {
			options = append(options, kong.TypeMapper(reflect.TypeOf(t), mapper{}))
		}
		options = append(options, kong.TypeMapper(reflect.TypeFor[bool](), boolMapper{}))
		for _, option := range options {
			if err := option.Apply(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// Decode implements [kong.Mapper].
func (mapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("value", &text); err != nil {
		return err
	}
	return decode(ctx.Value, text, target)
}

// boolMapper lets a switch stand alone (--json) or carry a value (--json=false).
type boolMapper struct{}

func (boolMapper) IsBool() bool { return true }

func (boolMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text := "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		text = fmt.Sprint(ctx.Scan.Pop().Value)
	}
	return decode(ctx.Value, text, target)
}

func decode(value *kong.Value, text string, target reflect.Value) error {
	if set(value, text, target) == nil {
		return nil
	}
	refused := &ValueError{Variable: variable(value), Value: text, Allowed: allowed(value)}
	switch target.Interface().(type) {
	case Secret, SecretKeys:
		refused.Value, refused.Secret = "", true
	}
	if strings.Contains(text, "@") { // a URL with a password in it, perhaps of another setting
		refused.Value, refused.Secret = "", true
	}
	return refused
}

// variable names a setting by its variable, anything else as kong does.
func variable(value *kong.Value) string {
	if name := value.Tag.Get("var"); name != "" {
		return name
	}
	return value.ShortSummary()
}

// set parses text into target and holds it against the limits in the field's tags.
func set(value *kong.Value, text string, target reflect.Value) error {
	switch target.Interface().(type) {
	case time.Duration:
		parsed, err := time.ParseDuration(text)
		target.SetInt(int64(parsed))
		return errors.Join(err, within(value, parsed, time.ParseDuration))
	case int:
		parsed, err := strconv.Atoi(text)
		target.SetInt(int64(parsed))
		return errors.Join(err, within(value, parsed, strconv.Atoi))
	case bool:
		parsed, err := strconv.ParseBool(text)
		target.SetBool(parsed)
		return err
	case slog.Level:
		level, ok := levels[strings.ToLower(text)]
		target.SetInt(int64(level))
		return unless(ok)
	case RateLimit:
		parsed, err := ParseRateLimit(text)
		target.Set(reflect.ValueOf(parsed))
		return err
	case SecretKeys:
		parsed, err := ParseSecretKeys(text)
		target.Set(reflect.ValueOf(parsed))
		return err
	}
	target.SetString(text)
	return checkText(value, text)
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func within[T int | time.Duration](value *kong.Value, parsed T, parse func(string) (T, error)) error {
	if !value.Tag.Has("min") {
		return nil
	}
	least, err := parse(value.Tag.Get("min"))
	if err != nil {
		return err
	}
	most, err := parse(value.Tag.Get("max"))
	if err != nil {
		return err
	}
	return unless(least <= parsed && parsed <= most)
}

// checks are the forms of text that a field names in its check tag. They are light: the client of each store knows the
// rest and says so when it opens.
var checks = map[string]struct {
	ok      func(string) bool
	allowed string
}{
	"address":  {isAddress, "HOST:PORT, such as 127.0.0.1:8080; an empty host listens everywhere, port 0 picks a free one"},
	"http":     {isHTTP, "a URL with http:// or https:// and a host"},
	"postgres": {isPostgres, "a URL such as postgres://USER:PASSWORD@HOST:5432/DATABASE"},
	"redis": {isRedis, "redis://HOST:6379/0, rediss://…, unix:///PATH, a comma list of cluster nodes, " +
		"or redis+sentinel://HOST:26379/MASTER"},
}

func checkText(value *kong.Value, text string) error {
	if options := value.Tag.Get("oneof"); options != "" {
		return unless(slices.Contains(strings.Split(options, ","), text))
	}
	if check, ok := checks[value.Tag.Get("check")]; ok && (text != "" || value.HasDefault) {
		return unless(check.ok(text))
	}
	return nil
}

func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || strings.ContainsAny(host, " /@") {
		return false
	}
	number, err := strconv.Atoi(port)
	return err == nil && 0 <= number && number <= math.MaxUint16
}

func isHTTP(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
}

func isPostgres(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "postgres" || parsed.Scheme == "postgresql")
}

// isRedis accepts a comma list whose later members may leave out the scheme, as go-redis and most tools write it.
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

// allowed says in words what a field accepts; help and errors share it.
func allowed(value *kong.Value) string {
	limits := fmt.Sprintf(" from %s to %s", value.Tag.Get("min"), value.Tag.Get("max"))
	switch value.Target.Interface().(type) {
	case time.Duration:
		return "a duration" + limits + ", such as " + value.Default
	case int:
		return "a whole number" + limits
	case bool:
		return "true, false, 1 or 0"
	case slog.Level:
		return "debug, info, warn or error"
	case RateLimit:
		return rateLimitAllowed
	case SecretKeys:
		return keysAllowed
	}
	if options := value.Tag.Get("oneof"); options != "" {
		return strings.Join(strings.Split(options, ","), " or ")
	}
	return checks[value.Tag.Get("check")].allowed
}

// describe adds the variable and what it accepts to a flag's help.
func describe(value *kong.Value) string {
	help := value.Help
	if words := allowed(value); words != "" && value.Tag.Get("var") != "" {
		help += " Allowed: " + words + "."
	}
	if name := value.Tag.Get("var"); name != "" {
		help += " ($" + name + ")"
	}
	return help
}

// duration prints like a setting is written: 15s, 24h, not 24h0m0s.
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
