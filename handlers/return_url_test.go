package handlers

import (
	"strings"
	"testing"
)

func TestReturnURLsAreHTTPSOrTheDevelopersOwnMachine(t *testing.T) {
	t.Parallel()
	long := "https://shop.example/" + strings.Repeat("a", maxReturnURL)
	for _, test := range []struct{ raw, live, development string }{ // the code of the refusal, with a live provider and without one
		{"https://shop.example/back", "", ""},
		{"https://shop.example:8443/back?order=1&s=a%20b", "", ""},
		{"HTTPS://Shop.Example", "", ""},
		{"https://[2001:db8::1]:8443/back", "", ""},
		{"https://127.0.0.1/back", "", ""},
		{long[:maxReturnURL], "", ""},

		{"http://localhost:3000/back", "not_allowed", ""},
		{"http://shop.localhost/back", "not_allowed", ""},
		{"http://127.0.0.1:3000/back", "not_allowed", ""},
		{"http://[::1]:3000/back", "not_allowed", ""},
		{"http://shop.example/back", "not_allowed", "not_allowed"},
		{"http://localhost.shop.example/back", "not_allowed", "not_allowed"},
		{"http://0.0.0.0/back", "not_allowed", "not_allowed"},
		{"http://192.168.0.1/back", "not_allowed", "not_allowed"},
		{"http://2130706433/back", "not_allowed", "not_allowed"}, // 127.0.0.1, to some programs

		{"", "length", "length"},
		{long[:maxReturnURL+1], "length", "length"},
		{"https://shop.example/back#top", "format", "format"},
		{"https://shop.example/back#", "format", "format"},
		{"https://shop@shop.example/back", "format", "format"},
		{"https://shop:secret@shop.example/back", "format", "format"},
		{"https://localhost:3000@attacker.example/", "format", "format"},
		{"https://shop.example\\@attacker.example/", "format", "format"},
		{"https://shop.example/a b", "format", "format"},
		{"https://shop.example/\r\nSet-Cookie:a=b", "format", "format"},
		{"https://shop.example/\x00", "format", "format"},
		{"https://shop.example/\u2028", "format", "format"},
		{"https://sh\u00f6p.example/", "format", "format"},
		{"https://shop.example/%zz", "format", "format"},
		{"https://shop%2eexample/", "format", "format"},
		{"https://shop.example:http/", "format", "format"},
		{"https://", "format", "format"},
		{"https:///back", "format", "format"},
		{"https://:8443/back", "format", "format"},
		{"https:shop.example", "format", "format"},
		{"//shop.example/back", "format", "format"},
		{"/back", "format", "format"},
		{"shop.example/back", "format", "format"},
		{"javascript:alert(1)", "format", "format"},
		{"data:text/html,hello", "format", "format"},
		{"ftp://shop.example/back", "format", "format"},
		{"shop://back", "format", "format"},
		{"https://shop.example/4242424242424242", "card_number", "card_number"},
	} {
		for loopback, want := range map[bool]string{false: test.live, true: test.development} {
			code, detail := ReturnURLs{Loopback: loopback}.check(test.raw)
			if code != want || (detail == "") != (want == "") {
				t.Errorf("return_url %.60q, loopback allowed %t: got %q (%s), want %q", test.raw, loopback, code, detail, want)
			}
			if raw := test.raw; detail != "" && len(raw) > 20 && strings.Contains(detail, raw) {
				t.Errorf("return_url %.60q: the refusal repeats it: %s", raw, detail)
			}
		}
	}
}
