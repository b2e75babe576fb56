package demopage

import (
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
)

func TestAPageThatComesBackIsToldWhatItHasMissed(t *testing.T) {
	t.Parallel()
	s := NewWatch().open()
	for range 3 {
		s.tell(Event{What: whatStep})
	}
	if news, _ := s.since(1); len(news) != 2 || news[0].ID != 2 {
		t.Errorf("got %+v, want the events behind the first", news)
	}
	news, changed := s.since(3)
	s.tell(Event{What: whatStep})
	select {
	case <-changed:
	default:
		t.Error("the stream was not woken")
	}
	if len(news) != 0 {
		t.Errorf("got %+v, want none yet", news)
	}
}

func TestASessionKeepsABoundedNumberOfEvents(t *testing.T) {
	t.Parallel()
	s := NewWatch().open()
	for range 3 * maxEvents {
		s.tell(Event{What: whatStep})
	}
	news, _ := s.since(0)
	if len(news) > maxEvents || news[len(news)-1].ID != 3*maxEvents {
		t.Errorf("got %d events up to %d, want the newest %d at most", len(news), news[len(news)-1].ID, maxEvents)
	}
}

func TestTheOldestSessionMakesRoom(t *testing.T) {
	t.Parallel()
	w := NewWatch()
	first := w.open()
	first.used = time.Now().Add(-time.Hour)
	w.abandon(idempotency.Request{}, &attempt{session: first})
	for range maxSessions {
		w.open()
	}
	if w.find(first.id) != nil || len(w.sessions) != maxSessions || len(w.crashed) != 0 {
		t.Errorf("got %d sessions and %d crashed attempts, want %d and none of the first's", len(w.sessions), len(w.crashed), maxSessions)
	}
}

func TestAnAttemptCrashesOnce(t *testing.T) {
	t.Parallel()
	s := NewWatch().open()
	s.begin(purchase{Began: time.Now()})
	if !s.firstCrash(protected, 1) || s.firstCrash(protected, 1) || !s.firstCrash(unprotected, 1) || !s.firstCrash(protected, 2) {
		t.Error("want each attempt to crash once at each service: a browser may send it again by itself")
	}
}

func TestOnlyLoopbackHostsAreThisMachine(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:8080": true, "127.5.5.5:1": true, "localhost": true, "localhost:8080": true, "[::1]:8080": true, "[::1]": true,
		"": false, "example.com": false, "localhost.example.com": false, "127.0.0.1.example.com:80": false, "192.168.0.1:8080": false, "0.0.0.0:8080": false,
		"localhost.": true, "LOCALHOST:80": true, "2130706433": false, "localhost:": false, "localhost:80:example.com": false, "localhost:abc": false, "127.0.0.1]:80": false,
	} {
		if got := loopback(host); got != want {
			t.Errorf("%q: got %t, want %t", host, got, want)
		}
	}
}
