package operations_test

import "testing"

// PROVIDER_SECRET_KEY was exchanged for another account's while the outcome was unknown.
func TestWhatWasSentToAnotherAccountIsNeverSentAgain(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	s.exec(`UPDATE provider_attempts SET provider = 'the account before'`)
	for range 3 {
		s.checkDue(1)
	}
	if n := len(s.provider.sent); n != 1 {
		t.Errorf("sent %d times, want once: it may be charged at the other account", n)
	}
	s.exec(`UPDATE provider_attempts SET sent_at = sent_at - interval '1 hour'`)
	s.checkDue(1)
	if got := s.rows(); len(s.provider.sent) != 1 || got.Payment != "processing needs_review 0 0" || got.Order != untaken {
		t.Errorf("got %+v after %d sends, want a review after one", got, len(s.provider.sent))
	}
}
