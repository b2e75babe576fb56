package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/postgres/schema"
	"github.com/payonce/payonce/idempotency/service"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/test/stores"
)

// coffeeShop is another service that protects routes of its own. README.md quotes it.
func coffeeShop(ctx context.Context, databaseURL, redisURL string, secret []byte) (*gin.Engine, *service.Service, error) {
	if err := schema.Migrate(ctx, databaseURL, schema.Options{Schema: "once"}); err != nil { // one table, beside yours
		return nil, nil, err
	}
	engine, err := service.Open(ctx, service.Config{
		DatabaseURL: databaseURL, Schema: "once", RedisURL: redisURL, Secrets: [][]byte{secret}, // Redis is optional
	})
	if err != nil {
		return nil, nil, err
	}
	once := middleware.NewIdempotency(engine.Engine, middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }, // who is asking: from your authentication
	})
	router := gin.New()
	router.POST("/coffees", once.ProtectTx(), func(c *gin.Context) {
		tx := middleware.Tx[*postgres.Tx](c) // commits together with the response, or not at all
		tx.Insert("make a coffee", `INSERT INTO coffees (kind) VALUES ('espresso')`)
		c.JSON(http.StatusCreated, gin.H{"coffee": "espresso"})
	})
	router.POST("/breakfasts", once.ProtectTx(), breakfast)
	return router, engine, nil
}

// breakfast writes through GORM, in the same transaction.
func breakfast(c *gin.Context) {
	tx, err := middleware.Tx[*postgres.Tx](c).DB(c.Request.Context())
	if err == nil {
		err = tx.Create(&Coffee{Kind: "cappuccino"}).Error
	}
	if err != nil {
		_ = c.AbortWithError(http.StatusServiceUnavailable, err) // no 2xx: nothing stays, and the key is free
		return
	}
	c.JSON(http.StatusCreated, gin.H{"coffee": "cappuccino", "croissant": true})
}

// Coffee is a row of the shop's own table.
type Coffee struct{ Kind string }

// Coffees are ordered twice under one key each, and made once. Then the shop is closed and opened again.
func ExampleIdempotency_Protect() {
	gin.SetMode(gin.ReleaseMode)
	url, redisURL, done := shopStores()
	defer done()
	for range 2 {
		router, service, err := coffeeShop(context.Background(), url, redisURL, []byte("32 random bytes from your secrets"))
		if err != nil {
			panic(err)
		}
		for _, path := range []string{"/coffees", "/breakfasts", "/coffees"} {
			order := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{}`))
			order.Header.Set("Content-Type", "application/json")
			order.Header.Set("Idempotency-Key", `"first of the day, `+path+`"`)
			answer := httptest.NewRecorder()
			router.ServeHTTP(answer, order)
			fmt.Printf("%d %s replayed: %q\n", answer.Code, answer.Body, answer.Header().Get("Idempotent-Replayed"))
		}
		if err := service.Close(); err != nil { // when the server has answered its last request
			panic(err)
		}
	}
	fmt.Println("coffees:", coffees(url))
	// Output:
	// 201 {"coffee":"espresso"} replayed: ""
	// 201 {"coffee":"cappuccino","croissant":true} replayed: ""
	// 201 {"coffee":"espresso"} replayed: "true"
	// 201 {"coffee":"espresso"} replayed: "true"
	// 201 {"coffee":"cappuccino","croissant":true} replayed: "true"
	// 201 {"coffee":"espresso"} replayed: "true"
	// coffees: 2
}

// borrowed lets an example, which has no testing.TB of its own, use the stores of the tests.
type borrowed struct {
	testing.TB
	cleanups []func()
}

func (b *borrowed) Helper()                   {}
func (b *borrowed) Cleanup(f func())          { b.cleanups = append(b.cleanups, f) }
func (b *borrowed) Context() context.Context  { return context.Background() }
func (b *borrowed) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (b *borrowed) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (b *borrowed) Errorf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (b *borrowed) Error(args ...any)         { panic(fmt.Sprint(args...)) }
func (b *borrowed) Name() string              { return "Example" }
func (b *borrowed) Logf(string, ...any)       {}

// shopStores are a Redis and the shop's own database: without payonce's tables, with one of its own.
func shopStores() (url, redisURL string, done func()) {
	b := &borrowed{}
	url, redisURL = stores.EmptyDatabase(b), stores.Redis(b)
	db, err := postgres.Open(url, postgres.Options{})
	if err == nil {
		err = db.GORM().Exec("CREATE TABLE coffees (kind text)").Error
	}
	if err != nil {
		panic(err)
	}
	_ = db.Close()
	return url, redisURL, func() {
		for _, f := range b.cleanups {
			f()
		}
	}
}

func coffees(url string) (n int) {
	db, err := postgres.Open(url, postgres.Options{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = db.Close() }()
	db.GORM().Raw("SELECT count(*) FROM coffees").Scan(&n)
	return n
}
