package middleware_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

// coffeeShop is another service that protects a route of its own. README.md quotes it.
func coffeeShop(ctx context.Context, databaseURL string) (*gin.Engine, error) {
	db, err := repository.Open(databaseURL, repository.Options{})
	if err != nil {
		return nil, err
	}
	watch := repository.NewWatch(repository.LookAtPostgres(db.SQL()), 0, slog.Default())
	if err := watch.Start(ctx); err != nil {
		return nil, err
	}
	store := repository.NewIdempotency(db, watch, repository.Retention{})
	once := middleware.NewIdempotency(idempotency.New(store, nil, idempotency.Options{}), middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }, // who is asking: from your authentication
	})
	router := gin.New()
	router.POST("/coffees", once.Protect(), func(c *gin.Context) {
		tx := middleware.Unit[*repository.Unit](c) // commits together with the response, or not at all
		tx.Insert("make a coffee", `INSERT INTO coffees (kind) VALUES ('espresso')`)
		c.JSON(http.StatusCreated, gin.H{"coffee": "espresso"})
	})
	return router, nil
}

// The coffee is ordered twice under one key, and made once.
func ExampleIdempotency_Protect() {
	gin.SetMode(gin.ReleaseMode)
	url, done := shopDatabase()
	defer done()
	router, err := coffeeShop(context.Background(), url)
	if err != nil {
		panic(err)
	}
	for range 2 {
		order := httptest.NewRequest(http.MethodPost, "/coffees", strings.NewReader(`{}`))
		order.Header.Set("Content-Type", "application/json")
		order.Header.Set("Idempotency-Key", "first-coffee-of-the-day")
		answer := httptest.NewRecorder()
		router.ServeHTTP(answer, order)
		fmt.Printf("%d %s replayed: %q\n", answer.Code, answer.Body, answer.Header().Get("Idempotent-Replayed"))
	}
	fmt.Println("coffees:", coffees(url))
	// Output:
	// 201 {"coffee":"espresso"} replayed: ""
	// 201 {"coffee":"espresso"} replayed: "true"
	// coffees: 1
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

func shopDatabase() (url string, done func()) {
	b := &borrowed{}
	url = stores.Database(b)
	db, err := repository.Open(url, repository.Options{})
	if err == nil {
		err = db.GORM().Exec("CREATE TABLE coffees (kind text)").Error
	}
	if err != nil {
		panic(err)
	}
	_ = db.Close()
	return url, func() {
		for _, f := range b.cleanups {
			f()
		}
	}
}

func coffees(url string) (n int) {
	db, err := repository.Open(url, repository.Options{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = db.Close() }()
	db.GORM().Raw("SELECT count(*) FROM coffees").Scan(&n)
	return n
}
