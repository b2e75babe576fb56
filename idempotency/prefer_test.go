package idempotency_test

import (
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
)

func TestPreferWaitIsFoundAndNeverAReasonToRefuse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []string
		want   time.Duration
		found  bool
	}{
		"no header":                            {nil, 0, false},
		"a number":                             {[]string{"wait=10"}, 10 * time.Second, true},
		"zero":                                 {[]string{"wait=0"}, 0, true},
		"a quoted number":                      {[]string{`wait="10"`}, 10 * time.Second, true},
		"the name in upper case":               {[]string{"WAIT=3"}, 3 * time.Second, true},
		"white space around everything":        {[]string{" wait\t= 3 "}, 3 * time.Second, true},
		"behind another preference":            {[]string{"respond-async, wait=3"}, 3 * time.Second, true},
		"on another line":                      {[]string{"return=minimal", "wait=3"}, 3 * time.Second, true},
		"with parameters":                      {[]string{"wait=3; a=b;c, x"}, 3 * time.Second, true},
		"the first one wins":                   {[]string{"wait=3, wait=5", "wait=7"}, 3 * time.Second, true},
		"a malformed first one counts as none": {[]string{"wait=x, wait=5"}, 0, false},
		"inside another's quotes it is text":   {[]string{`foo=", wait=9", wait=2`}, 2 * time.Second, true},
		"an escaped quote does not end them":   {[]string{`foo="\", wait=9", wait=2`}, 2 * time.Second, true},
		"an unclosed quote hides the rest":     {[]string{`foo=", wait=9`}, 0, false},
		"as a parameter it is none":            {[]string{"foo; wait=9"}, 0, false},
		"without a value":                      {[]string{"wait"}, 0, false},
		"an empty value":                       {[]string{`wait=""`}, 0, false},
		"a negative number":                    {[]string{"wait=-1"}, 0, false},
		"a fraction":                           {[]string{"wait=1.5"}, 0, false},
		"more than an hour is cut":             {[]string{"wait=3601"}, time.Hour, true},
		"digits without end are cut":           {[]string{"wait=" + strings.Repeat("9", 100)}, time.Hour, true},
		"an overlong line is ignored":          {[]string{"wait=1," + strings.Repeat("x", 5000), "wait=2"}, 2 * time.Second, true},
		"nothing but separators":               {[]string{",;,=,"}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, found := idempotency.ParsePreferWait(c.values)
			if got != c.want || found != c.found {
				t.Errorf("ParsePreferWait(%.60q) = %v, %v; want %v, %v", c.values, got, found, c.want, c.found)
			}
		})
	}
}
