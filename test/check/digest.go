package check

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/fnv"
)

// digestOf stands for what must be the same in every answer under a key.
func digestOf(status int, header map[string]string, body []byte) (d digest) {
	h := sha256.New()
	part := func(b []byte) {
		_ = binary.Write(h, binary.BigEndian, uint64(len(b))) // a hash takes everything
		h.Write(b)
	}
	_ = binary.Write(h, binary.BigEndian, uint64(status))
	for _, name := range ReplayedHeaders() {
		part([]byte(header[name]))
	}
	part(body)
	copy(d[:], h.Sum(nil))
	return d
}

// short stands for a request.
func short(request string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(request))
	return h.Sum64()
}
