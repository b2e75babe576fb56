package middleware

import (
	"errors"
	"net/url"

	"github.com/gin-gonic/gin"
)

// ErrPath means that a part of the path can't be decoded.
var ErrPath = errors.New("the path is not well-formed: a percent sign needs two hexadecimal digits after it")

// PathValues decodes the path's parameters, each exactly once and as RFC 3986 section 2.1 says. Gin would decode them like
// form fields, where a plus is a space: then two keys or ids could be taken for one another. The router must leave them as
// they were sent (UseEscapedPath on, UnescapePathValues off).
func PathValues(fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		for i, parameter := range c.Params {
			value, err := url.PathUnescape(parameter.Value)
			if err != nil { // net/http refuses such a path itself
				fail(c, ErrPath)
				return
			}
			c.Params[i].Value = value
		}
	}
}
