package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const about = `Payments that are safe to send twice, as flows: each folder tells one story, and each request asserts what its answer has to be. Send them in order, or run the whole collection.

Set base_url and api_key in the environment first; docs/postman/README.md tells more. Each request that changes something makes an Idempotency-Key of its own when it is sent; those that show a repetition send the key of an earlier one.`

// beforeEach runs before each request.
var beforeEach = []string{
	`if (!pm.variables.get("api_key")) {`,
	`  throw new Error("Set api_key in the environment: the API key that the service printed when it started.");`,
	`}`,
}

// afterEach runs after each request, before its own assertions.
var afterEach = []string{
	`if (pm.request.url.getPath().includes("/v1/")) {`,
	`  pm.test("has a request id, and is not cached", () => {`,
	`    pm.response.to.have.header("X-Request-Id");`,
	`    pm.expect(pm.response.headers.get("Cache-Control")).to.eql("no-store");`,
	`  });`,
	`}`,
}

// assign is a line that gives a variable a new key, as a client makes one for a new purpose.
func assign(name string) string {
	return fmt.Sprintf(`pm.collectionVariables.set(%q, pm.variables.replaceIn("{{$guid}}"));`, name)
}

func (r *request) prerequest() (lines []string) {
	if r.key != "" && !r.again {
		lines = append(lines, assign(r.key))
	}
	return append(lines, r.before...)
}

var assigned = regexp.MustCompile(`^pm\.collectionVariables\.set\("(\w+)"`)

// fresh are the variables that the script before the request gives values.
func (r *request) fresh() (names []string) {
	for _, line := range r.prerequest() {
		if match := assigned.FindStringSubmatch(line); match != nil {
			names = append(names, match[1])
		}
	}
	return names
}

// assertions are the script after the request.
func (r *request) assertions() []string {
	lines := []string{fmt.Sprintf(`pm.test("answers %d", () => pm.response.to.have.status(%d));`, r.status, r.status)}
	if r.key != "" { // it may change something
		if r.replayed {
			lines = append(lines,
				`pm.test("is a replay", () => pm.response.to.have.header("Idempotent-Replayed", "true"));`,
				check("is the first answer, byte for byte", fmt.Sprintf("pm.expect(pm.response.text()).to.eql(pm.variables.get(%q))", r.answerKept())))
		} else {
			lines = append(lines, `pm.test("is no replay", () => pm.response.to.not.have.header("Idempotent-Replayed"));`)
		}
	}
	if r.operation == "" {
		return append(lines, r.checks...)
	}
	media := "application/json"
	if r.code != "" {
		media = "application/problem+json"
	}
	lines = append(lines,
		fmt.Sprintf(`pm.test("is %s", () => pm.expect(pm.response.headers.get("Content-Type")).to.match(/^%s(;|$)/));`, media, regexp.MustCompile(`[/+]`).ReplaceAllString(media, `\$0`)),
		`const answer = pm.response.json();`)
	want := maps.Clone(r.want)
	if want == nil {
		want = members{}
	}
	if r.code != "" {
		want["code"] = r.code
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		lines = append(lines, equals(path, want[path]))
	}
	lines = append(lines, r.checks...)
	for _, name := range slices.Sorted(maps.Keys(r.keep)) {
		lines = append(lines, fmt.Sprintf(`pm.collectionVariables.set(%q, answer.%s);`, name, r.keep[name]))
	}
	if r.copied {
		lines = append(lines, fmt.Sprintf(`pm.collectionVariables.set(%q, pm.response.text());`, r.answerKept()))
	}
	return lines
}

// answerKept is the variable with the answer that copies of the request get.
func (r *request) answerKept() string { return strings.TrimSuffix(r.key, "_key") + "_answer" }

// equals asserts the value of a member. Variables are written as in requests.
func equals(path string, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a value that a flow writes
	}
	want, name := string(text), path+" is "+strings.ReplaceAll(string(text), `"`, "")
	if match := used.FindString(want); match != "" && want == `"`+match+`"` {
		want = fmt.Sprintf("pm.variables.get(%q)", strings.Trim(match, "{}"))
	}
	return fmt.Sprintf(`pm.test(%q, () => pm.expect(answer.%s).to.eql(%s));`, name, path, want)
}

// check is an assertion that is no equality.
func check(name, expectation string) string {
	return fmt.Sprintf(`pm.test(%q, () => %s);`, name, expectation)
}
