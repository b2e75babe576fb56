package safeurl

import (
	"net/url"
	"strings"
)

// HTTP checks the address of an HTTP service, read like net/url does.
func HTTP(raw string) error {
	if err := wellWritten(raw); err != nil {
		return err
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return refuse("it is not a URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return &Error{"want http://HOST or https://HOST"}
	case strings.Contains(raw, "#") || strings.Contains(u.Path+u.RawQuery, "@"):
		return refuse("an @ or a # stands behind its host")
	}
	return checkHost(u.Host)
}
