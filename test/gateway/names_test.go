package gateway

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a name server that has the same addresses for each name.
type names struct {
	conn net.PacketConn
	mu   sync.Mutex
	all  []netip.Addr
}

func startNames(t *testing.T, all []netip.Addr) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	n := &names{conn: conn, all: all}
	go n.serve()
	return n
}

// add makes another address known.
func (n *names) add(address netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, address)
}

func (n *names) serve() {
	buffer := make([]byte, 4096)
	for {
		size, from, err := n.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer, err := n.answer(buffer[:size]); err == nil {
			_, _ = n.conn.WriteTo(answer, from)
		}
	}
}

func (n *names) answer(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	m.Response, m.Authoritative, m.RecursionAvailable, m.Additionals = true, true, true, nil
	n.mu.Lock()
	all := slices.Clone(n.all)
	n.mu.Unlock()
	for _, q := range m.Questions {
		for _, address := range all {
			if q.Type == dnsmessage.TypeA {
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: address.As4()},
				})
			}
		}
	}
	return m.Pack()
}
