package security

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// bodies: what is too long, too deep, too many, compressed or no text is refused soon, and leaves nothing.
func (s *target) bodies(t *testing.T) {
	victim := s.merchant(t)
	for name, bomb := range bombs(t) {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/v1/orders", "/v1/payments"} {
				resp := s.one(t, victim.raw("POST", path, bomb.body, append(bomb.headers, "Idempotency-Key: "+uuid.NewString())...))
				if service.Wants(t, path, resp, bomb.status, bomb.code); len(resp.Body) > 20_000 {
					t.Errorf("%d bytes of answer", len(resp.Body))
				}
			}
		})
	}
	t.Run("the longest body is taken, and one byte more is not", s.limits)
	t.Run("a chunked body without end is cut off", s.endless)
	t.Run("a body that is not as long as it says is not executed", s.lies)
	t.Run("many bombs at once leave room for others", func(t *testing.T) { s.together(t, victim) })
	if n := victim.has(t); n != 0 {
		t.Errorf("%d rows", n)
	}
}

type bomb struct {
	body    string
	headers []string
	status  int
	code    string
}

func bombs(t *testing.T) map[string]bomb {
	t.Helper()
	var zip bytes.Buffer
	writer := gzip.NewWriter(&zip)
	if _, err := io.CopyN(writer, zeros{}, 10<<20); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	encoded := func(value string) []string { return []string{"Content-Encoding: " + value} }
	const malformed = "malformed-request"
	text := func(value string) string { return `{"amount":1,"currency":"EUR","reference":"` + value + `"}` }
	return map[string]bomb{
		"ten thousand arrays":                {strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), nil, 400, malformed},
		"ten thousand objects":               {strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), nil, 400, malformed},
		"arrays that never close":            {strings.Repeat("[", 65_000), nil, 400, malformed},
		"a million arrays":                   {strings.Repeat("[", 1_000_000), nil, 413, "body-too-large"},
		"nesting behind a known member":      {`{"metadata":` + strings.Repeat(`{"a":`, 5000) + `""` + strings.Repeat("}", 5001), nil, 400, malformed},
		"a number with a huge exponent":      {`{"amount":1e999999999,"currency":"EUR"}`, nil, 400, malformed},
		"a number with a tiny exponent":      {`{"amount":1e-999999999999999999999,"currency":"EUR"}`, nil, 400, malformed},
		"a zero with a huge exponent":        {`{"amount":0e99999999999999999999,"currency":"EUR"}`, nil, 400, malformed},
		"a number of sixty thousand digits":  {`{"amount":` + strings.Repeat("9", 60_000) + `,"currency":"EUR"}`, nil, 400, malformed},
		"a fraction of sixty thousand digit": {`{"amount":0.` + strings.Repeat("3", 60_000) + `,"currency":"EUR"}`, nil, 400, malformed},
		"many members":                       {many(5000, func(i int) string { return fmt.Sprintf(`"a%d":1`, i) }), nil, 400, malformed},
		"many members out of order":          {many(5000, func(i int) string { return fmt.Sprintf(`"\u%04x":1`, 0x5000-i) }), nil, 400, malformed},
		"many members of one name":           {many(5000, func(int) string { return `"amount":1` }), nil, 400, malformed},
		"gzip":                               {zip.String(), encoded("gzip"), 415, "unsupported-media-type"},
		"gzip that calls itself JSON":        {zip.String(), nil, 400, malformed},
		"deflate":                            {`{}`, encoded("deflate"), 415, "unsupported-media-type"},
		"br behind nothing":                  {`{}`, append(encoded(""), encoded("br")...), 415, "unsupported-media-type"},
		"gzip twice":                         {zip.String(), encoded("gzip, gzip"), 415, "unsupported-media-type"},
		"bytes that are not UTF-8":           {text("\xff\xfe" + canary), nil, 400, malformed},
		"a surrogate in UTF-8":               {text("\xed\xa0\x80"), nil, 400, malformed},
		"an overlong slash":                  {text("\xc0\xaf"), nil, 400, malformed},
		"half a surrogate pair":              {text(`\ud800`), nil, 400, malformed},
		"a surrogate pair turned round":      {text(`\ude00\ud83d`), nil, 400, malformed},
		"a byte order mark":                  {"\xef\xbb\xbf{}", nil, 400, malformed},
		"UTF-16":                             {"\xff\xfe{\x00}\x00", nil, 400, malformed},
		"a NUL byte":                         {"{}\x00", nil, 400, malformed},
		"a control byte in a text":           {text("a\x01"), nil, 400, malformed},
		"comments":                           {`{/* c */"amount":1,"currency":"EUR"}`, nil, 400, malformed},
		"a second value":                     {`{"amount":1,"currency":"EUR"}{"amount":2,"currency":"EUR"}`, nil, 400, malformed},
		"a prototype":                        {`{"__proto__":{"amount":1},"constructor":{"prototype":{}}}`, nil, 400, malformed},
		"XML":                                {`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, nil, 400, malformed},
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func many(n int, member func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = member(i)
	}
	return "{" + strings.Join(all, ",") + "}"
}

func (s *target) limits(t *testing.T) {
	long := s.merchant(t)
	fill := func(size int) string {
		const body = `{"amount":1,"currency":"EUR"}`
		return body + strings.Repeat(" ", size-len(body))
	}
	service.Wants(t, "64 KiB", long.send(t, "POST", "/v1/orders", uuid.NewString(), fill(64<<10)), 201, "")
	service.Wants(t, "a byte more", long.send(t, "POST", "/v1/orders", uuid.NewString(), fill(64<<10+1)), 413, "body-too-large")
	chunk := func(body string) string {
		return long.raw("POST", "/v1/orders", "", "Content-Type: application/json", "Transfer-Encoding: chunked", "Idempotency-Key: "+uuid.NewString()) +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	service.Wants(t, "64 KiB in chunks", s.one(t, chunk(fill(64<<10))), 201, "")
	service.Wants(t, "a byte more in chunks", s.one(t, chunk(fill(64<<10+1))), 413, "body-too-large")
	resp := long.send(t, "POST", "/v1/orders", uuid.NewString(), order(strings.Repeat(canary, 6000)))
	service.Wants(t, "a long text", resp, 422, "validation-failed")
	pairs := many(3000, func(i int) string { return fmt.Sprintf(`"%d":""`, i) })
	service.Wants(t, "much metadata", long.send(t, "POST", "/v1/orders", uuid.NewString(), `{"amount":1,"currency":"EUR","metadata":`+pairs+`}`), 422, "validation-failed")
	if n := long.number(t, "SELECT count(*) FROM orders WHERE merchant_id = $1"); n != 2 {
		t.Errorf("%d orders, not 2", n)
	}
}

// endless sends chunks for as long as the service takes them.
func (s *target) endless(t *testing.T) {
	victim := s.merchant(t)
	conn := s.connect(t)
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(exchangeLimit))
	answered := make(chan []service.Response, 1)
	go func() { answered <- s.read(t, "chunks without end", conn) }()
	head := victim.raw("POST", "/v1/orders", "", "Content-Type: application/json", "Transfer-Encoding: chunked", "Idempotency-Key: "+uuid.NewString())
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for chunk := "1000\r\n" + strings.Repeat(" ", 0x1000) + "\r\n"; sent < 64<<20; sent += len(chunk) {
		if _, err := io.WriteString(conn, chunk); err != nil {
			break // the service has closed
		}
	}
	answers := <-answered
	if len(answers) > 1 || len(answers) == 1 && answers[0].Status != 413 { // what was in flight may break the answer off
		t.Errorf("answers %v", answers)
	}
	if sent >= 64<<20 || victim.has(t) != 0 {
		t.Errorf("%d bytes were taken", sent)
	}
}

// lies: a Content-Length that is too large, or too small.
func (s *target) lies(t *testing.T) {
	victim := s.merchant(t)
	body := order(canary + "-lie")
	request := func(length int) string {
		return victim.raw("POST", "/v1/orders", "", "Content-Type: application/json", "Idempotency-Key: "+uuid.NewString(), fmt.Sprintf("Content-Length: %d", length)) + body
	}
	conn := s.connect(t)
	_, _ = io.WriteString(conn, request(len(body)+10)) // more than comes
	_ = conn.Close()
	for _, short := range []int{1, len(body) - 1} {
		resp, _ := s.exchange(t, request(short)) // the rest is no request
		if len(resp) == 0 || resp[0].Status != 400 {
			t.Errorf("%d of %d bytes: %v", short, len(body), resp)
		}
	}
	service.Wants(t, "the whole body", s.one(t, request(len(body))), 201, "")
	if n := victim.made(t, canary+"-lie"); n != 1 {
		t.Errorf("%d orders, not the last one only", n)
	}
}

// together sends the bombs from many connections, while another merchant works on.
func (s *target) together(t *testing.T, victim *merchant) {
	all := bombs(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, b := range all {
				s.exchange(t, victim.raw("POST", "/v1/orders", b.body, append(b.headers, "Idempotency-Key: "+uuid.NewString())...))
			}
		})
	}
	for range 20 {
		s.other.order(t)
	}
	group.Wait()
}
