package simulator

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
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
<button name="outcome" value="succeed">Approve</button>
<button name="outcome" value="fail">Decline</button>
<button name="outcome" value="leave">Leave</button>
</form>`

// showAuthentication serves the page that a customer is sent to. Anyone who knows the id may use it, as with Stripe's page; the id is
// random, and no money is real.
func (s *Simulator) showAuthentication(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.advance()
	found, wait := s.intents[r.PathValue("id")], s.book.unwritten()
	s.mu.Unlock()
	if s.canShow(w, found, wait) {
		page(w, found)
	}
}

// authenticate takes the customer's choice: outcome=succeed, outcome=fail, or outcome=leave, which decides nothing. A choice
// made before stays. With a return_url the customer is sent back there.
func (s *Simulator) authenticate(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	outcome := r.PostFormValue("outcome")
	if outcome != "succeed" && outcome != "fail" && outcome != "leave" {
		http.Error(w, "outcome must be succeed, fail or leave", http.StatusBadRequest)
		return
	}
	found, wait := s.choose(r.PathValue("id"), outcome)
	if !s.canShow(w, found, wait) {
		return
	}
	if back := found.back(); back != "" {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return
	}
	page(w, found)
}

func (s *Simulator) choose(id, outcome string) (*record, *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	found := s.intents[id]
	if found == nil || found.Intent.Status != statusRequiresAction || outcome == "leave" {
		return found, s.book.unwritten()
	}
	r := found.changed()
	if outcome == "succeed" {
		r.charge()
	} else {
		r.decline("payment_intent_authentication_failure", "", "The customer did not confirm the payment.")
	}
	return r, s.save(entry{Intent: r})
}

// canShow answers with an error when there is no such payment, or when its state isn't on the disk.
func (s *Simulator) canShow(w http.ResponseWriter, r *record, wait *batch) bool {
	if r == nil {
		http.Error(w, "no such payment", http.StatusNotFound)
		return false
	}
	if err := wait.wait(); err != nil {
		s.log.Error("simulator cannot keep its book", "error", err)
		http.Error(w, "the book cannot be kept", http.StatusInternalServerError)
		return false
	}
	return true
}

func page(w http.ResponseWriter, r *record) {
	below := ""
	switch back := r.back(); {
	case r.Intent.Status == statusRequiresAction:
		below = authenticationForm
	case back != "":
		below = `<p><a href="` + html.EscapeString(back) + `">Back to the shop</a></p>`
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// Browsers check where a form's answer redirects to, as well.
	w.Header().Set("Content-Security-Policy", strings.TrimSpace("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "+
		"form-action 'self' "+originOf(r.ReturnURL)))
	_, _ = fmt.Fprintf(w, authenticationPage, html.EscapeString(r.Intent.ID), r.Intent.Amount,
		html.EscapeString(r.Intent.Currency), html.EscapeString(r.Intent.Status), below)
}

// back is where the customer goes back to, with what Stripe adds: the intent, and how it went once that is decided. It is ""
// without a return_url.
func (r *record) back() string {
	if r.ReturnURL == "" {
		return ""
	}
	to, err := url.Parse(r.ReturnURL)
	if err != nil {
		return ""
	}
	query := to.Query()
	query.Set("payment_intent", r.Intent.ID)
	switch r.Intent.Status {
	case statusSucceeded, statusRequiresCapture:
		query.Set("redirect_status", "succeeded")
	case statusRequiresMethod, statusCanceled:
		query.Set("redirect_status", "failed")
	}
	to.RawQuery = query.Encode()
	return to.String()
}

// originOf is scheme and host of a web address that a customer may be sent to; "" for anything else. Its host is plain, because
// it becomes part of a header.
func originOf(address string) string {
	to, err := url.Parse(address)
	if err != nil || len(address) > 2048 || (to.Scheme != "https" && to.Scheme != "http") || to.Hostname() == "" || to.User != nil {
		return ""
	}
	plain := strings.Trim(to.Host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") == ""
	if !plain {
		return ""
	}
	return to.Scheme + "://" + to.Host
}
