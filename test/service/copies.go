package service

import (
	"net/http"
	"sync"
	"testing"
)

// AtOnce sends n requests at the same moment and returns all answers.
func AtOnce(n int, send func(i int) Response) []Response {
	answers, start := make([]Response, n), make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			answers[i] = send(i)
		})
	}
	close(start)
	group.Wait()
	return answers
}

// Statuses counts answers; 0 stands for none.
func Statuses(answers []Response) map[int]int {
	count := map[int]int{}
	for _, resp := range answers {
		count[resp.Status]++
	}
	return count
}

// Insist sends until there is an outcome, as a client should: the same request with the same key.
func Insist(t testing.TB, what string, send func() Response) (resp Response) {
	t.Helper()
	Until(t, what, func() bool {
		resp = send()
		return resp.Err == nil && resp.Status != http.StatusConflict && resp.Status != http.StatusServiceUnavailable
	})
	return resp
}

// Wants fails unless an answer has this status and, for problems, this code.
func Wants(t testing.TB, what string, resp Response, status int, code string) {
	t.Helper()
	if resp.Status != status || resp.Code() != code {
		t.Errorf("%.200s: got %.600s, want %d %s", what, resp, status, code)
	}
}
