package clients

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// sender sends one POST with the key k to a responder.
type sender func(t *testing.T, to *responder)

// senders are the rows of the table in docs/integration.md.
func senders() map[string]sender {
	return map[string]sender{
		"curl `--retry 3`": command("curl", "--retry", "3"),
		"curl `--retry 3 --retry-all-errors --retry-connrefused`": command("curl", "--retry", "3", "--retry-all-errors", "--retry-connrefused"),
		"Go `net/http`":    netHTTP,
		"go-retryablehttp": retryable("plain"),
		"go-retryablehttp, `CheckRetry` reads `retryable`": retryable("set"),
		"axios-retry": axios("plain"),
		"axios-retry, `retryCondition` reads `retryable`":              axios("set"),
		"urllib3 `Retry(3)`":                                           urllib3("plain"),
		"urllib3 `Retry(3, allowed_methods=None, status_forcelist=…)`": urllib3("set"),
		"nginx": nginx(""),
		"nginx `proxy_next_upstream error timeout http_503 non_idempotent`": nginx("proxy_next_upstream error timeout http_503 non_idempotent;"),
		"HAProxy": haproxy(""),
		"HAProxy `retry-on conn-failure empty-response 503`": haproxy("retry-on conn-failure empty-response 503"),
	}
}

func TestTheTableOfOtherClientsIsWhatTheyDo(t *testing.T) {
	t.Parallel()
	table := readTable(t)
	rows := senders()
	for name := range table {
		if rows[name] == nil {
			t.Errorf("nothing measures the row %q", name)
		}
	}
	for name, send := range rows {
		for _, s := range situations() {
			t.Run(name+"/"+string(s), func(t *testing.T) {
				t.Parallel()
				got, want := measure(t, s, refusedFor, send), table[name][s]
				closed := refusedFor
				// A busy machine may have a bad moment, but not three. That a client repeats is one time enough.
				for try := 0; try < 2 && got != want && (want != "no" || s == refused); try++ {
					if want == "no" { // the client may have started when the port was open already
						closed *= 4
					}
					got = measure(t, s, closed, send)
				}
				if got != want {
					t.Errorf("%s, %s: did %q, and the table says %q", name, s, got, want)
				}
			})
		}
	}
}

// measure tells what a client does in a situation.
func measure(t *testing.T, s situation, closed time.Duration, send sender) string {
	t.Helper()
	to := respond(t, s, closed)
	send(t, to)
	return to.did()
}

// readTable reads the table: by its row and its column.
func readTable(t *testing.T) map[string]map[situation]string {
	t.Helper()
	_, section, _ := strings.Cut(guide(t), "\n## Other clients and gateways\n")
	table := map[string]map[situation]string{}
	for _, line := range regexp.MustCompile(`(?m)^\| (.*) \|$`).FindAllStringSubmatch(section, -1) {
		cells := strings.Split(line[1], " | ")
		if len(cells) != len(situations())+1 {
			t.Fatalf("the row %q has %d cells", line[0], len(cells))
		}
		if cells[0] == "client" {
			continue
		}
		table[cells[0]] = map[situation]string{}
		for i, s := range situations() {
			table[cells[0]][s] = cells[i+1]
		}
	}
	if len(table) == 0 {
		t.Fatal("docs/integration.md has no table")
	}
	return table
}

// run runs a program; that it fails may be what it does.
func run(t *testing.T, program string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	c.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
	output, err := c.CombinedOutput()
	t.Logf("%s: %v %.500s", program, err, output)
}

func (r *responder) url() string { return "http://" + r.address + "/v1/payments" }

func command(program string, args ...string) sender {
	return func(t *testing.T, to *responder) {
		needsPrograms(t, program)
		run(t, program, append(args, "-sS", "-H", "Idempotency-Key: k", "-d", "{}", to.url())...)
	}
}

func netHTTP(t *testing.T, to *responder) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to.url(), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", "k")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Log(err)
		return
	}
	_ = resp.Body.Close()
}

// On a connection that was used before, net/http takes the key for a reason to repeat.
func TestNetHTTPRepeatsOnAConnectionThatWasUsedBefore(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]int{"k": 3, "": 2} {
		var mu sync.Mutex
		requests := 0
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if requests++; requests == 2 {
				panic(http.ErrAbortHandler) // no answer, and the connection breaks
			}
		}))
		transport := &http.Transport{}
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			if key != "" {
				req.Header.Set("Idempotency-Key", key)
			}
			if resp, err := transport.RoundTrip(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
				_ = resp.Body.Close()
			}
		}
		transport.CloseIdleConnections()
		server.Close()
		if requests != want {
			t.Errorf("with the key %q two requests arrived %d times, want %d", key, requests, want)
		}
	}
}

func retryable(how string) sender {
	return func(t *testing.T, to *responder) { run(t, built.retryable(t), how, to.url()) }
}

func axios(how string) sender {
	return func(t *testing.T, to *responder) { run(t, "node", built.script(t, "axios.mjs"), how, to.url()) }
}

func urllib3(how string) sender {
	return func(t *testing.T, to *responder) { run(t, built.python(t), "testdata/urllib3_post.py", how, to.url()) }
}

// gateway starts a gateway and sends one request through it.
func gateway(t *testing.T, to *responder, program string, args func(folder, address string) []string) {
	t.Helper()
	needsPrograms(t, program)
	address := free(t)
	var out tail
	c := exec.Command(program, args(t.TempDir(), address)...) //nolint:noctx // ends with the test
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	t.Cleanup(func() { _ = c.Process.Kill(); <-ended })
	service.Until(t, program+" listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", program, out.text)
		default:
		}
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	netHTTP(t, &responder{address: address})
}

// free is an address where nothing listens.
func free(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// nginx has two ways to a server. Where the first is refused, the second is not.
func nginx(setting string) sender {
	return func(t *testing.T, to *responder) {
		first := to.address
		if to.situation == refused {
			first = free(t)
			service.Until(t, "the other way is open", func() bool {
				conn, err := net.Dial("tcp", to.address)
				if err == nil {
					_ = conn.Close()
				}
				return err == nil
			})
		}
		gateway(t, to, "nginx", func(folder, address string) []string {
			conf := write(t, filepath.Join(folder, "nginx.conf"), fmt.Sprintf(`
				daemon off; master_process off; pid nginx.pid; error_log stderr;
				events {}
				http {
					access_log off;
					client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
					upstream replicas { server %s max_fails=0; server %s backup max_fails=0; }
					server { listen %s; location / { proxy_pass http://replicas; %s } }
				}`, first, to.address, address, setting))
			return []string{"-p", folder, "-c", conf}
		})
	}
}

func haproxy(setting string) sender {
	return func(t *testing.T, to *responder) {
		gateway(t, to, "haproxy", func(folder, address string) []string {
			conf := write(t, filepath.Join(folder, "haproxy.cfg"), fmt.Sprintf(
				"defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n %s\nlisten door\n bind %s\n server replica %s\n",
				setting, address, to.address))
			return []string{"-db", "-f", conf}
		})
	}
}
