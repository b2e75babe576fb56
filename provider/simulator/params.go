package simulator

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// params reads a form or a query the strict way: a parameter that the code doesn't read is unknown, and the first complaint is the answer.
type params struct {
	values url.Values
	asked  map[string]bool
	first  *answer
}

func newParams(values url.Values) *params {
	return &params{values: values, asked: map[string]bool{"expand[]": true}}
}

// refuse notes a complaint unless there is an earlier one.
func (p *params) refuse(code, param, message string) {
	if p.first == nil {
		p.first = invalid(code, param, message)
	}
}

func (p *params) get(name string) string {
	p.asked[name] = true
	if len(p.values[name]) > 1 {
		p.refuse("", name, "Parameter given more than once: "+name)
	}
	return p.values.Get(name)
}

func (p *params) ignore(names ...string) {
	for _, name := range names {
		p.asked[name] = true
	}
}

func (p *params) optional(name string) *string {
	if value := p.get(name); value != "" {
		return &value
	}
	return nil
}

func (p *params) required(name string) string {
	value := p.get(name)
	if value == "" {
		p.refuse(codeParameterMissing, name, "Missing required param: "+name+".")
	}
	return value
}

// oneOf returns "" when the parameter is absent.
func (p *params) oneOf(name string, allowed ...string) string {
	value := p.get(name)
	if value == "" {
		return ""
	}
	for _, a := range allowed {
		if value == a {
			return value
		}
	}
	p.refuse("", name, fmt.Sprintf("Invalid %s: must be one of %s", name, strings.Join(allowed, ", ")))
	return ""
}

// amount reads minor units from 1 to maxAmount; 0 when an optional one is absent.
func (p *params) amount(name string, required bool) int64 {
	n, given := p.minorUnits(name, 1)
	if required && !given {
		p.refuse(codeParameterMissing, name, "Missing required param: "+name+".")
	}
	return n
}

// minorUnits reads minor units from least to maxAmount, if there are any.
func (p *params) minorUnits(name string, least int64) (n int64, given bool) {
	value := p.get(name)
	if value == "" {
		return 0, false
	}
	n = p.integer(name, value)
	if n < least {
		p.refuse(codeParameterInvalid, name, fmt.Sprintf("This value must be greater than or equal to %d.", least))
	}
	if n > maxAmount {
		p.refuse(codeAmountTooLarge, name, fmt.Sprintf("Amount must be no more than %d.", int64(maxAmount)))
	}
	return n, true
}

func (p *params) integer(name, value string) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		p.refuse(codeParameterInvalid, name, "Invalid integer: "+name)
	}
	return n
}

// metadata collects metadata[…] within Stripe's limits.
func (p *params) metadata() map[string]string {
	found := map[string]string{}
	for name := range p.values {
		inner, ok := strings.CutPrefix(name, "metadata[")
		inner, closed := strings.CutSuffix(inner, "]")
		if !ok || !closed {
			continue
		}
		value := p.get(name)
		if inner == "" || len(inner) > 40 || utf8.RuneCountInString(value) > 500 || strings.ContainsAny(inner, "[]") {
			p.refuse("", name, "Metadata keys have up to 40 characters, values up to 500.")
		}
		found[inner] = value
	}
	if len(found) > 50 {
		p.refuse("", "metadata", "Metadata can have up to 50 keys.")
	}
	return found
}

// refusal is the first complaint, or the unknown parameters, or nil.
func (p *params) refusal() *answer {
	for name := range p.values {
		if !p.asked[name] {
			p.refuse(codeParameterUnknown, name, "Received unknown parameter: "+name)
		}
	}
	return p.first
}

func isCurrency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}
