package gateway

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/test/service"
)

// startNginx runs nginx with the files of deploy/gateway, and with listen.conf and servers.conf for these replicas.
func startNginx(t *testing.T, p place) *gateway {
	t.Helper()
	needsLinuxAnd(t, "nginx", "openssl", "make")
	g := &gateway{t: t, ended: make(chan struct{}), address: findPlace(t, 1).at(0)}
	g.address = "127.0.0.1" + g.address[strings.LastIndex(g.address, ":"):] // for which the certificate is
	servers := ""
	for i := range p.addresses {
		servers += fmt.Sprintf("server %s max_fails=1 fail_timeout=1s;\n", p.at(i))
	}
	folderOf := t.TempDir()
	for name, text := range map[string]string{"listen.conf": "listen " + g.address + " ssl;\n", "servers.conf": servers} {
		if err := os.WriteFile(filepath.Join(folderOf, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"nginx.conf", "proxied.conf"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folderOf, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Dir(certificate(t)), filepath.Join(folderOf, "tls")); err != nil {
		t.Fatal(err)
	}
	g.command = exec.Command("nginx", "-p", folderOf, "-c", filepath.Join(folderOf, "nginx.conf"), "-g", "daemon off; master_process off;")
	g.command.Stdout, g.command.Stderr = &g.out, &g.out
	if err := g.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = g.command.Wait() // how it ended is in ProcessState
		close(g.ended)
	}()
	t.Cleanup(func() {
		_ = g.command.Process.Kill() // it may have ended
		<-g.ended
		if t.Failed() {
			text := g.out.String()
			t.Logf("nginx's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	service.Until(t, "nginx listens", func() bool {
		select {
		case <-g.ended:
			t.Fatalf("nginx ended: %s", g.out.String())
		default:
		}
		conn, err := net.Dial("tcp", g.address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return g
}

func TestTheNginxVariantKeepsThePromises(t *testing.T) {
	t.Parallel()
	p := findPlace(t, 2)
	all := []*standIn{startStandIn(t, p, 0), startStandIn(t, p, 1)}
	g := startNginx(t, p)
	t.Run("copies meet, and both replicas work", func(t *testing.T) {
		for i := range 20 {
			key := fmt.Sprintf("copy-%d-", i)
			service.Wants(t, "a request", g.post(t, key), http.StatusCreated, "")
			g.post(t, key)
			if n := all[0].count(key); n == 1 {
				t.Error("two copies came to two replicas")
			}
		}
		if all[0].count("copy-") == 0 || all[1].count("copy-") == 0 {
			t.Error("one replica got no request")
		}
	})
	t.Run("what clients claim is replaced", func(t *testing.T) { g.replacesClaims(t, all) })
	t.Run("sizes have limits", func(t *testing.T) {
		large := strings.Repeat("a", 70_000)
		for _, resp := range g.exchange(t, raw("POST", "/v1/orders", large, "Idempotency-Key: large", fmt.Sprint("Content-Length: ", len(large)), "Connection: close")) {
			isProblem(t, "a large body", resp, problem.CodeBodyTooLarge, "")
		}
		isProblem(t, "a path that is not routed", g.exchange(t, raw("GET", "/metrics", "", "Connection: close"))[0], problem.CodeNotFound, "")
		if n := read(all, "large"); n != 0 {
			t.Errorf("the large body arrived %d times", n)
		}
	})
	t.Run("no form of smuggling makes two requests of one", func(t *testing.T) {
		// nginx reads on behind chunks, and takes what comes for the next request. It is: bodies and requests are sent on anew.
		g.smuggle(t, all, "chunks")
	})
	t.Run("each key has its rate", func(t *testing.T) {
		text := ""
		for range 600 {
			text += raw("POST", "/v1/orders", "{}", "Authorization: Bearer sk_test_rate", "Idempotency-Key: rate", "Content-Length: 2")
		}
		refused := 0
		for _, resp := range g.exchange(t, text+raw("GET", "/healthz", "", "Connection: close")) {
			if resp.Status == http.StatusTooManyRequests {
				refused++
				isProblem(t, "a request too many", resp, problem.CodeRateLimited, "1")
			}
		}
		if refused == 0 {
			t.Error("none of 600 requests at once was refused")
		}
	})
	t.Run("a request that may have arrived is not sent again", func(t *testing.T) {
		for _, s := range all {
			s.answers(cut)
		}
		for i := range 4 {
			try := 0
			service.Until(t, "nginx uses the replicas again", func() bool { // after fail_timeout
				try++
				key := fmt.Sprintf("cut-%d-%d-", i, try)
				isProblem(t, "a request without an answer", g.post(t, key), problem.CodeUnavailable, "1")
				n := read(all, key)
				if n > 1 {
					t.Errorf("%s arrived %d times, want once", key, n)
				}
				return n > 0
			})
		}
	})
	t.Run("a request that was not sent goes to another replica", func(t *testing.T) {
		for _, s := range all {
			s.answers(nil)
		}
		_ = all[0].server.Close()
		for i := range 10 {
			key := fmt.Sprintf("refused-%d-", i)
			service.Until(t, "it is served", func() bool { return g.post(t, key).Status == http.StatusCreated })
		}
	})
}
