package main

import (
	"os"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }

func TestOperationBooksOncePerKey(t *testing.T) {
	t.Parallel()
	for loseAnswer, want := range map[bool]string{
		false: "201 {\"state\":\"booked\"} replayed: \"\"\n201 {\"state\":\"booked\"} replayed: \"true\"\n",
		true:  "202 {\"state\":\"unknown\"} replayed: \"\"\n202 {\"state\":\"unknown\"} replayed: \"true\"\n",
	} {
		courier, out := &bookings{loseAnswer: loseAnswer}, &strings.Builder{}
		if err := run(t.Context(), stores.EmptyDatabase(t), courier, out); err != nil {
			t.Fatal(err)
		}
		if out.String() != want || len(courier.numbers) != 1 {
			t.Errorf("loses the answer: %t: got %q and %d bookings; want %q and 1", loseAnswer, out, len(courier.numbers), want)
		}
	}
}
