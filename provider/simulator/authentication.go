package simulator

import (
	"fmt"
	"html"
	"net/http"
)

const authenticationPage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Confirm your payment</title></head>
<body>
<main>
<h1>Confirm your payment</h1>
<p>This page stands in for your bank's. Payment %s over %d minor units of %s: %s.</p>
%s
</main>
</body>
</html>
`

const authenticationForm = `<form method="post">
<button name="outcome" value="succeed">Confirm</button>
<button name="outcome" value="fail">Refuse</button>
</form>`

// showAuthentication serves the page that a payer is sent to. Whoever knows the id may use it, as with Stripe's page; the id is
// random, and no money is real.
func (s *Simulator) showAuthentication(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	found, wait := s.intents[r.PathValue("id")], s.book.settled()
	s.mu.Unlock()
	s.page(w, found, wait)
}

// authenticate takes the payer's choice: outcome=succeed or outcome=fail. A choice made before stays.
func (s *Simulator) authenticate(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	outcome := r.PostFormValue("outcome")
	if outcome != "succeed" && outcome != "fail" {
		http.Error(w, "outcome must be succeed or fail", http.StatusBadRequest)
		return
	}
	found, wait := s.choose(r.PathValue("id"), outcome == "succeed")
	s.page(w, found, wait)
}

func (s *Simulator) choose(id string, succeed bool) (*record, *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.intents[id]
	if found == nil || found.Intent.Status != statusRequiresAction {
		return found, s.book.settled()
	}
	r := found.changed()
	if succeed {
		r.charge()
	} else {
		r.decline("payment_intent_authentication_failure", "", "The payer did not confirm the payment.")
	}
	return r, s.save(entry{Intent: r})
}

func (s *Simulator) page(w http.ResponseWriter, r *record, wait *batch) {
	if r == nil {
		http.Error(w, "no such payment", http.StatusNotFound)
		return
	}
	if err := wait.wait(); err != nil {
		s.log.Error("simulator cannot keep its book", "error", err)
		http.Error(w, "the book cannot be kept", http.StatusInternalServerError)
		return
	}
	form := ""
	if r.Intent.Status == statusRequiresAction {
		form = authenticationForm
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	_, _ = fmt.Fprintf(w, authenticationPage, html.EscapeString(r.Intent.ID), r.Intent.Amount,
		html.EscapeString(r.Intent.Currency), html.EscapeString(r.Intent.Status), form)
}
