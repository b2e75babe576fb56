package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/service"
)

const folder = "../../deploy/gateway"

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

// needsLinuxAnd is for tests that need these programs, and addresses that only Linux has.
func needsLinuxAnd(t *testing.T, programs ...string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("replicas listen on several addresses of 127.0.0.0/8, which only Linux has")
	}
	for _, program := range programs {
		needs.Program(t, "on Debian: apt-get install "+program, program)
	}
}

// made is the certificate that `make cert` makes, once for all tests. A global, because tests share nothing else.
var made struct {
	once   sync.Once
	folder string
	err    error
}

// certificate makes the development certificate, and lets this process's clients trust it.
func certificate(t *testing.T) (pem string) {
	t.Helper()
	made.once.Do(func() {
		if made.folder, made.err = os.MkdirTemp("", "payonce-cert-"); made.err != nil {
			return
		}
		output, err := exec.Command("make", "-s", "-C", "../..", "cert", "CERT_DIR="+made.folder).CombinedOutput()
		if err != nil {
			made.err = fmt.Errorf("make cert: %w\n%s", err, output)
			return
		}
		made.err = os.Setenv("SSL_CERT_FILE", filepath.Join(made.folder, "ca.crt")) // read at the first verification
	})
	if made.err != nil {
		t.Fatal(made.err)
	}
	return filepath.Join(made.folder, "payonce.pem")
}

// place is where the replicas of one gateway listen: one port on several addresses.
type place struct {
	addresses []netip.Addr
	port      int
}

// places counts them, so that no two are alike.
var places atomic.Int32

// findPlace finds a port that is free on n addresses.
func findPlace(t *testing.T, n int) place {
	t.Helper()
	for range 50 {
		p := place{}
		third := byte(places.Add(1))
		for i := range n {
			p.addresses = append(p.addresses, netip.AddrFrom4([4]byte{127, byte(64 + os.Getpid()%128), third, byte(i + 1)}))
		}
		first, err := net.Listen("tcp", p.addresses[0].String()+":0")
		if err != nil {
			continue
		}
		p.port = first.Addr().(*net.TCPAddr).Port
		_ = first.Close()
		if p.free() {
			return p
		}
	}
	t.Fatal("no port is free on several addresses")
	return place{}
}

func (p place) free() bool {
	for i := range p.addresses {
		listener, err := net.Listen("tcp", p.at(i))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}

// at is HOST:PORT of a replica.
func (p place) at(i int) string { return netip.AddrPortFrom(p.addresses[i], uint16(p.port)).String() }

// gateway is a HAProxy with the file of deploy/gateway.
type gateway struct {
	t       *testing.T
	names   *names
	address string // of clients
	metrics string
	command *exec.Cmd
	ended   chan struct{}
	out     service.Printed
}

// startGateway runs HAProxy before the replicas of a place and returns when it has found them all. env is NAME=VALUE.
func startGateway(t *testing.T, p place, env ...string) *gateway {
	t.Helper()
	needsLinuxAnd(t, "haproxy", "openssl", "make")
	g := &gateway{t: t, names: startNames(t, p.addresses), ended: make(chan struct{})}
	g.command = exec.Command("haproxy", "-db", "-f", filepath.Join(folder, "haproxy.cfg"))
	g.command.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "GATEWAY_CERT=" + certificate(t), "GATEWAY_BIND=" + g.socket(&g.address), "GATEWAY_METRICS=" + g.socket(&g.metrics),
		"GATEWAY_API=api:" + strconv.Itoa(p.port), "GATEWAY_DNS=" + g.names.conn.LocalAddr().String(), "GATEWAY_RATE=1000000",
	}, env...)
	g.command.Stdout, g.command.Stderr = &g.out, &g.out
	if err := g.command.Start(); err != nil {
		t.Fatal(err)
	}
	for _, file := range g.command.ExtraFiles {
		_ = file.Close()
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
			t.Logf("the gateway's log:\n%s", text[max(0, len(text)-6000):])
		}
	})
	g.has(len(p.addresses))
	return g
}

// socket opens a listener that the process inherits, and returns how its file names it.
func (g *gateway) socket(address *string) string {
	g.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		g.t.Fatal(err)
	}
	*address = listener.Addr().String()
	g.command.ExtraFiles = append(g.command.ExtraFiles, file)
	return fmt.Sprint("fd@", 2+len(g.command.ExtraFiles))
}

// URL is where clients find the gateway.
func (g *gateway) URL() string { return "https://" + g.address }

// has waits until so many replicas are in use. Each has passed a check then: one that was only just found counts before its first.
func (g *gateway) has(n int) {
	g.t.Helper()
	service.Until(g.t, fmt.Sprintf("the gateway has %d replicas", n), func() bool {
		metrics := g.get("/metrics")
		passed := len(regexp.MustCompile(`(?m)^haproxy_server_check_status\{proxy="replicas",server="[^"]*",state="L7OK"\} 1$`).FindAllString(metrics, -1))
		return passed == n && strings.Contains(metrics, fmt.Sprintf("\nhaproxy_backend_active_servers{proxy=\"replicas\"} %d\n", n))
	})
}

// get asks the listener for Prometheus; empty when nothing answers.
func (g *gateway) get(path string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.metrics+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body) // half an answer lacks what is looked for
	return string(text)
}

// line is what the gateway logs of a request.
type line struct {
	RequestID string `json:"request_id"`
	Client    string `json:"client"`
	Server    string `json:"server"`
	Status    int    `json:"status"`
	Retries   string `json:"retries"`
	Ended     string `json:"ended"`
}

// lines are all requests in its log.
func (g *gateway) lines() (list []line) {
	g.t.Helper()
	for text := range bytes.Lines([]byte(g.out.String())) {
		if !bytes.HasPrefix(text, []byte("{")) {
			continue
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			g.t.Errorf("the gateway's log line %s: %v", text, err)
		}
		list = append(list, l)
	}
	return list
}

// lineOf waits for the line of a request.
func (g *gateway) lineOf(requestID string) (found line) {
	g.t.Helper()
	service.Until(g.t, "the gateway has logged "+requestID, func() bool {
		for _, l := range g.lines() {
			if l.RequestID == requestID {
				found = l
				return true
			}
		}
		return false
	})
	return found
}
