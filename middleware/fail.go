package middleware

import (
	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/problem"
)

// Fail renders an error and ends the request. It is given to each middleware, so that a service has one table from
// errors to problems.
type Fail func(c *gin.Context, err error)

// Problems makes a Fail from a table. What the table doesn't know is internal: its text never reaches a client.
func Problems(table func(error) *problem.Problem) Fail {
	return func(c *gin.Context, err error) {
		p := table(err)
		if p == nil {
			p = problem.New(problem.CodeInternal, "")
		}
		Note(c, "code", string(p.Code))
		if p.Status >= 500 {
			Note(c, "error", err.Error())
		}
		c.Abort()
		p.Write(c.Writer, RequestIDOf(c))
	}
}
