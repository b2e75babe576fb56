package demopage

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/naive"
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/middleware"
)

// Config is what a [Page] works with.
type Config struct {
	Merchant    middleware.Identity                         // that the page acts for
	Idempotency *middleware.Idempotency[*postgres.Tx]       // over an engine that the watch observes
	Orders      middleware.Bind[*postgres.Tx]               // POST /v1/orders
	Payments    middleware.Bind[*postgres.Tx]               // POST /v1/payments
	Plain       func(context.Context) (naive.Config, error) // asked when the plain service is first needed
	Book        Book
	FlushRedis  func(context.Context) error
	Strangers   middleware.Strangers
	Fail        middleware.Fail
	NotFound    gin.HandlerFunc
	MaxBody     int
}

// Page serves the page and the endpoints behind it.
type Page struct {
	Config

	watch  *Watch
	orders sync.Map // of payments, by their ids; see orderOf
	twin   twin
}

// New returns a page that shows what the watch sees.
func New(watch *Watch, cfg Config) *Page {
	p := &Page{Config: cfg, watch: watch}
	p.twin.open = p.openTwin
	return p
}

// Register adds the routes to a group that stands for /demo.
func (p *Page) Register(demo gin.IRouter) {
	demo = demo.Group("", p.local)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		demo.Handle(method, "", file("index.html"))
		demo.Handle(method, "/", func(c *gin.Context) { c.Redirect(http.StatusPermanentRedirect, "../demo") })
		demo.Handle(method, "/static/:file", p.sameOrigin, p.static)
		demo.Handle(method, "/sessions/:id/events", p.sameOrigin, p.stream)
	}
	demo.POST("/sessions", p.sameOrigin, p.openSession)
	own := demo.Group("", p.sameOrigin, middleware.Body(p.MaxBody, p.Fail),
		middleware.Authenticate(sessionKeys{p.watch, p.Merchant}, p.Strangers, p.fail))
	own.POST("/purchase", p.begin)
	own.POST("/redis/flush", p.flush)
	own.POST("/protected/v1/orders", p.Idempotency.Do(p.Orders))
	own.POST("/protected/v1/payments", p.attempted(protected), p.Idempotency.Do(p.mayCrash(p.Payments)))
	own.POST("/unprotected/v1/orders", p.plain)
	own.POST("/unprotected/v1/payments", p.attempted(unprotected), p.plain)
}

// openSession lets the page of this machine's user act for the merchant.
func (p *Page) openSession(c *gin.Context) {
	c.JSON(http.StatusCreated, struct {
		Session string `json:"session"`
	}{p.watch.open().id})
}

// sessionOf is the session that the request was authenticated with.
func (p *Page) sessionOf(c *gin.Context) *session {
	token, _ := middleware.BearerToken(c.GetHeader("Authorization")) // it has been looked up before: no other one gets here
	return p.watch.find(token)
}

// begin counts charges for another purchase from now on.
func (p *Page) begin(c *gin.Context) {
	var of purchase
	if err := json.Unmarshal(middleware.BodyOf(c), &of); err != nil || of.Protected == "" || of.Unprotected == "" {
		p.Fail(c, problem.New(problem.CodeMalformedRequest, "The two orders of the purchase are expected."))
		return
	}
	of.Began = time.Now()
	if s := p.sessionOf(c); s != nil { // it may have made room for another one
		s.begin(of)
	}
	c.Status(http.StatusNoContent)
}

// flush makes Redis forget everything.
func (p *Page) flush(c *gin.Context) {
	if err := p.FlushRedis(c.Request.Context()); err != nil {
		p.Fail(c, err)
		return
	}
	if s := p.sessionOf(c); s != nil {
		s.tell(Event{What: whatFlushed})
	}
	c.Status(http.StatusNoContent)
}

// attempted tells the page what becomes of its request: the header Demo-Attempt has the page's own number for it. Demo-Fault:
// crash abandons the request between charge and commit.
func (p *Page) attempted(side string) gin.HandlerFunc {
	return func(c *gin.Context) {
		s := p.sessionOf(c)
		if s == nil {
			p.fail(c, middleware.ErrUnauthorized)
			return
		}
		number, _ := strconv.Atoi(c.GetHeader("Demo-Attempt")) // without one, 0: its page can't tell it from others
		a := &attempt{session: s, number: number, side: side, arrived: time.Now()}
		a.crash = c.GetHeader("Demo-Fault") == "crash" && s.firstCrash(side, number)
		a.tell(Event{What: whatReceived, Key: c.GetHeader("Idempotency-Key")})
		ctx := c.Request.Context()
		c.Request = c.Request.WithContext(withAttempt(ctx, a))
		ended := false
		defer func() {
			if !ended { // a panic, which goes on
				a.tell(Event{What: whatCrashed})
			}
		}()
		c.Next()
		ended = true
		answered := Event{
			What: whatAnswered, Status: c.Writer.Status(), Replayed: c.Writer.Header().Get("Idempotent-Replayed") == "true",
			Code: middleware.LineOf(c).Code,
		}
		if ctx.Err() != nil {
			answered.What = whatGone
		}
		a.tell(answered)
	}
}

// plain passes a request on to the plain service.
func (p *Page) plain(c *gin.Context) {
	service, err := p.twin.handler(c.Request.Context())
	if err != nil {
		p.Fail(c, err)
		return
	}
	r := c.Request.Clone(c.Request.Context())
	r.URL.Path, r.URL.RawPath = strings.TrimPrefix(r.URL.Path, "/demo/"+unprotected), ""
	r.Body = readCloser{bytes.NewReader(middleware.BodyOf(c))}
	service.ServeHTTP(c.Writer, r)
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }
