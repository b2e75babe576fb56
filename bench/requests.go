package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"github.com/payonce/payonce/bench/load"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
)

const (
	ordersPath    = "/v1/orders"
	paymentsPath  = "/v1/payments"
	plainPayments = "/payments" // of the baseline
	orderBody     = `{"amount":1999,"currency":"EUR"}`
	orderAmount   = 1999
	instantCard   = "pm_card_visa"
)

// post prepares the requests of one variant; key and body append the i-th request's own part. A nil key is a request
// without one.
func (t *site) post(path string, key, body func(b []byte, i int) []byte, length int) load.Source {
	head := "POST " + path + t.behindPath(length)
	return func(b []byte, i int) []byte {
		b = key(append(b, head...), i)
		return body(append(b, "\r\n\r\n"...), i)
	}
}

// behindPath is a request's head from its path to its key, for a JSON body of this length.
func (t *site) behindPath(length int) string {
	return " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + t.apiKey +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(length) + "\r\nIdempotency-Key: "
}

// numbered keys are new with each number.
func (t *site) numbered(name string) func(b []byte, i int) []byte {
	prefix := name + "-" + t.run + "-"
	return func(b []byte, i int) []byte { return padded(append(b, prefix...), i) }
}

// padded appends a number of ten digits.
func padded(b []byte, i int) []byte {
	var digits [10]byte
	for at := len(digits) - 1; at >= 0; at-- {
		digits[at] = byte('0' + i%10)
		i /= 10
	}
	return append(b, digits[:]...)
}

// recordKey is the key of the i-th prepared record.
func (t *site) recordKey(i int) idempotency.Key {
	return idempotency.Key(t.numbered("record")(nil, i))
}

func (t *site) anOrder(b []byte, _ int) []byte { return append(b, orderBody...) }

// ordersAt posts an order with the keys that name gives, to the service or to a baseline.
func (t *site) ordersAt(path string, key func(b []byte, i int) []byte) load.Source {
	return t.post(path, key, t.anOrder, len(orderBody))
}

// paymentsAt pays the i-th prepared order; fields are more of the body's, each with a comma before it.
func (t *site) paymentsAt(path, name, method, fields string) load.Source {
	const before = `{"order_id":"`
	behind := `","payment_method":"` + method + `"` + fields + `}`
	length := len(before) + len(models.FormatID(models.PrefixOrder, orderID(0))) + len(behind)
	return t.post(path, t.numbered(name), func(b []byte, i int) []byte {
		b = append(append(b, before...), models.FormatID(models.PrefixOrder, orderID(i))...)
		return append(b, behind...)
	}, length)
}

// operationsOn asks for an operation on a payment: the path of payments, its id, and what.
func (t *site) operationsOn(path string, payment func(i int) string, what, name string) load.Source {
	const body = `{}`
	key := t.numbered(name)
	behind := "/" + what + t.behindPath(len(body))
	return func(b []byte, i int) []byte {
		b = append(append(append(b, "POST "+path+"/"...), payment(i)...), behind...)
		return append(append(key(b, i), "\r\n\r\n"...), body...)
	}
}

// orderID is the id of the i-th prepared order: a UUIDv7, in the order in which they are made, as real ones are.
func orderID(i int) uuid.UUID {
	const begin = 1_700_000_000_000 // milliseconds since 1970
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(begin+i/8)<<16|0x7000|uint64(i%8))
	binary.BigEndian.PutUint64(id[8:], 1<<63|uint64(i))
	return id
}

// orderFingerprint is the same for every order: they all are one request under different keys.
var orderFingerprint = sync.OnceValue(func() idempotency.Fingerprint {
	body, err := idempotency.Canonical(nil, []byte(orderBody), idempotency.CanonicalLimits{})
	if err != nil {
		panic(err)
	}
	fingerprint, err := idempotency.NewFingerprint("POST", ordersPath, "", "application/json", body)
	if err != nil {
		panic(err)
	}
	return fingerprint
})

func storedHeaders() []idempotency.Header {
	return []idempotency.Header{
		{Name: "Content-Type", Value: "application/json; charset=utf-8"},
		{Name: "Location", Value: ordersPath + "/" + models.FormatID(models.PrefixOrder, orderID(0))},
	}
}

// charge asks the provider's stand-in itself: what a payment can't do without.
func (t *site) charge() load.Source {
	body := fmt.Sprintf("amount=%d&capture_method=automatic&confirm=true&currency=eur&metadata%%5Bmerchant_id%%5D=%s&"+
		"metadata%%5Bpayment_id%%5D=pay_0000000000000000000000000&payment_method=%s&payment_method_types%%5B%%5D=card",
		orderAmount, models.FormatID(models.PrefixMerchant, t.merchant), instantCard)
	head := "POST /v1/payment_intents HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + providerKey +
		"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nIdempotency-Key: "
	key := t.numbered("charge")
	return func(b []byte, i int) []byte {
		return append(append(key(append(b, head...), i), "\r\n\r\n"...), body...)
	}
}

func decodeSecret() ([]byte, error) { return base64.StdEncoding.DecodeString(secretKey) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
