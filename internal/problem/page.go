package problem

import (
	"bytes"
	"encoding/json"
	"html/template"
	"strconv"
	"time"
)

// PageContentType is the media type of Page and IndexPage.
const PageContentType = "text/html; charset=utf-8"

// pageView is what the template of one code's page shows.
type pageView struct {
	Code, Title, Means, Todo, Example string
	Status                            int
	Retryable, Conditional            bool
	NewKey                            string // yes, no, or: when known
}

// Page is the page at Code.Path: it explains the problem to people, and needs nothing but itself (no script, no font,
// nothing from another host), so that it works under a policy of default-src 'none'; style-src 'unsafe-inline'. ok is
// false for an unknown code.
func Page(code Code) (html []byte, ok bool) {
	view, ok := viewOf(code)
	if !ok {
		return nil, false
	}
	return render("page", view), true
}

// IndexPage lists every code with a link to its page.
func IndexPage() []byte {
	views := make([]pageView, 0, len(Codes()))
	for _, code := range Codes() {
		view, _ := viewOf(code)
		views = append(views, view)
	}
	return render("index", views)
}

func viewOf(code Code) (pageView, bool) {
	f, ok := factsOf(code)
	if !ok {
		return pageView{}, false
	}
	text := explain(code)
	return pageView{
		Code: string(code), Title: f.title, Status: f.status, Retryable: f.retryable,
		NewKey:      [...]string{never: "no", whenUnused: "if it says so", always: "yes"}[f.newKey],
		Conditional: f.status == 409 && !f.retryable, // see Problem.WithRetryable
		Means:       text.means, Todo: text.todo, Example: example(code),
	}, true
}

// example is a whole answer of this code, as a client would see it.
func example(code Code) string {
	p := New(code, "One sentence about this occurrence.").WithInstance("req_01jd3x8e9k2m4n6p8q0r2s4t6v")
	p.WithUnusedKey()
	const payment = "pay_0193558a-7c5e-8a31-9d0b-1f2e3d4c5b6a"
	switch code {
	case CodePaymentDeclined:
		p.WithInstance("/v1/payments/"+payment).WithDecline(payment, "insufficient_funds")
	case CodeOrderNotPayable, CodeOrderNotCancelable, CodeIdempotencyKeyExpired:
		p.WithLink("payment", "/v1/payments/"+payment)
	case CodeMalformedRequest:
		p.WithErrors(FieldError{"/amount", "not_an_integer", "an integer is expected, written without a fraction and without an exponent"})
	case CodeValidationFailed:
		p.WithErrors(FieldError{"/currency", "unknown_currency", "an ISO 4217 code in upper case is expected"})
	case CodeRequestInFlight, CodeRateLimited, CodeUnavailable:
		p.WithRetryAfter(2 * time.Second)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, p.Body(), "", "  "); err != nil {
		panic("problem: " + err.Error()) // Body is valid JSON
	}
	head := "HTTP/1.1 " + strconv.Itoa(p.Status) + "\nContent-Type: " + ContentType + "\n"
	if p.RetryAfter > 0 {
		head += "Retry-After: 2\n"
	}
	return head + "\n" + b.String()
}

// render parses the template each time: the pages are read by people, seldom, and so no state outlives a call.
func render(name string, data any) []byte {
	t := template.Must(template.New("").Parse(pageTemplates))
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		panic("problem: " + err.Error()) // the templates and their data are fixed; the tests render all of them
	}
	return b.Bytes()
}

const pageTemplates = `{{define "head"}}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{{.}} · payonce</title><style>
:root{--bg:#fbfbfa;--card:#fff;--ink:#1b1d21;--soft:#5d6470;--line:#e3e5e8;--accent:#3451b2;--yes:#17693a;--yesbg:#e3f5e9;--no:#9a3412;--nobg:#fdeee3}
@media (prefers-color-scheme:dark){:root{--bg:#121417;--card:#1a1d21;--ink:#e8eaed;--soft:#a0a7b2;--line:#2e3238;--accent:#9db2ff;--yes:#7ee0a3;--yesbg:#12301e;--no:#fdba8c;--nobg:#3a2114}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:17px/1.6 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:46rem;margin:0 auto;padding:3rem 1.25rem 4rem}h1{font-size:1.9rem;line-height:1.25;margin:.25rem 0 .5rem;text-wrap:balance}
h2{font-size:1.05rem;margin:2rem 0 .35rem}p{margin:.35rem 0}a{color:var(--accent)}code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,monospace;font-size:.88em}
.soft{color:var(--soft)}.status{font-weight:600;color:var(--accent)}.chips{display:flex;flex-wrap:wrap;gap:.5rem;margin:1.25rem 0}
.chip{border-radius:99px;padding:.15rem .8rem;font-size:.88rem}.yes{color:var(--yes);background:var(--yesbg)}.no{color:var(--no);background:var(--nobg)}
pre{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem;overflow-x:auto;line-height:1.5}
table{border-collapse:collapse;width:100%;background:var(--card);font-size:.95rem}th,td{text-align:left;padding:.5rem .75rem;border-bottom:1px solid var(--line);vertical-align:top}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:10px;margin-top:1.5rem}tr:last-child td{border-bottom:0}
</style></head><body><main>{{end}}

{{define "page"}}{{template "head" .Title}}
<p class="soft"><a href="/problems">All problems</a> / <code>{{.Code}}</code></p>
<h1>{{.Title}}</h1><p class="status">HTTP {{.Status}}</p>
<div class="chips">
{{if .Retryable}}<span class="chip yes">retryable: yes</span>{{else}}<span class="chip no">retryable: no</span>{{end}}
<span class="chip {{if eq .NewKey "yes"}}yes{{else}}no{{end}}">safe_new_key: {{.NewKey}}</span>
</div>
<h2>What it means</h2><p>{{.Means}}</p>
<h2>What to do</h2><p>{{.Todo}}</p>
<h2>What it says about the key</h2>
<p>{{if .Retryable}}The same request with the same key may succeed later.{{else if .Conditional}}The same request will as a rule be refused again. Where only an operation in flight stands in the way, the answer says <code>"retryable": true</code>.{{else}}The same request will be refused again.{{end}}
{{if eq .NewKey "yes"}}Nothing was charged under this key, and nothing will be, so a new one cannot double the effect.{{else if eq .NewKey "no"}}Something may have happened or may still happen under this key, or it was not looked up: a new one could double the effect.{{else}}Where the answer says <code>"safe_new_key": true</code>, the key was looked up, nothing is stored under it, and nothing of this request goes on: a new key cannot double the effect. Where it says <code>false</code>, that is not known: keep the key.{{end}}</p>
<h2>An example</h2><pre>{{.Example}}</pre>
</main></body></html>{{end}}

{{define "index"}}{{template "head" "Problems"}}
<h1>Problems</h1>
<p>Errors are <code>application/problem+json</code> (RFC 9457). <code>retryable</code>: the same request with the same key may succeed later. <code>safe_new_key</code>: a new key cannot double the effect; said only where the key was looked up and is unused, or the payment was declined.</p>
<div class="scroll"><table><thead><tr><th>Status</th><th>Code</th><th>Meaning</th><th>retryable</th><th>safe_new_key</th></tr></thead><tbody>
{{range .}}<tr><td>{{.Status}}</td><td><a href="/problems/{{.Code}}"><code>{{.Code}}</code></a></td><td>{{.Title}}</td><td>{{if .Retryable}}yes{{else if .Conditional}}if it says so{{else}}no{{end}}</td><td>{{.NewKey}}</td></tr>
{{end}}</tbody></table></div>
</main></body></html>{{end}}`
