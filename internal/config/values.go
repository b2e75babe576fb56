package config

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/payonce/payonce/internal/safeurl"
)

// ValueError is a setting with a value that is not allowed.
type ValueError struct {
	Variable string
	Value    string // empty and not shown when Secret
	Secret   bool
	Reason   string // what is wrong with the value; empty where Allowed says it
	Allowed  string
}

func (e *ValueError) Error() string {
	switch {
	case e.Secret && e.Reason != "":
		return fmt.Sprintf("%s has a wrong value (not shown): %s; allowed: %s", e.Variable, e.Reason, e.Allowed)
	case e.Secret:
		return fmt.Sprintf("%s has a wrong value (not shown); allowed: %s", e.Variable, e.Allowed)
	}
	return fmt.Sprintf("%s is %q; allowed: %s", e.Variable, e.Value, e.Allowed)
}

var (
	errNotAllowed = errors.New("value is not allowed")
	errMissing    = errors.New("a value must follow, separated by a space or =")
)

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
	if ctx.Scan.Peek().IsEOL() {
		return errMissing
	}
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
	err := set(value, text, target)
	if err == nil {
		return nil
	}
	refused := &ValueError{Variable: variable(value), Value: text, Allowed: allowed(value)}
	if address, ok := errors.AsType[*safeurl.Error](err); ok {
		refused.Reason = address.Reason
	}
	switch target.Interface().(type) {
	case Secret, SecretKeys:
		refused.Value, refused.Secret = "", true
	}
	if mayHoldPassword(text) {
		refused.Value, refused.Secret = "", true
	}
	return refused
}

// mayHoldPassword: an address with more than a plain host, perhaps of another setting, or keywords and values.
func mayHoldPassword(text string) bool {
	_, address, isURL := strings.Cut(text, "://")
	return strings.Contains(text, "@") || strings.Contains(text, "password") || isURL && strings.ContainsAny(address, ":%?#&=")
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
