package redis

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/payonce/payonce/idempotency"
)

func testCodec(t testing.TB, secrets ...string) *valueCodec {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []string{"one"}
	}
	var all [][]byte
	for _, s := range secrets {
		all = append(all, []byte(strings.Repeat(s, 32)[:32]))
	}
	codec, err := newValueCodec(all, "")
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// testRecord is a completed record of a first merchant and key.
func testRecord() *idempotency.Record {
	resource := idempotency.Resource{Type: "payment", ID: [16]byte{7, 8, 9}}
	return &idempotency.Record{
		Tenant: idempotency.Tenant{1, 2, 3}, KeyHash: [32]byte{4, 5, 6}, Fingerprint: idempotency.Fingerprint{1, 9, 9},
		State: idempotency.Completed, Resource: resource, Timeline: 3,
		ExpiresAt: time.Date(2026, 5, 6, 7, 8, 9, 123456000, time.UTC),
		Response: &idempotency.Response{
			Status: 201, Body: []byte(`{"id":"pay_1"}`), Resource: resource,
			Headers: []idempotency.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "Location", Value: "/v1/payments/pay_1"}},
		},
	}
}

func TestARecordComesBackAsItWas(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		rec := testRecord()
		rec.Response.Status = rapid.SampledFrom([]int{200, 201, 202, 299, 402}).Draw(t, "status")
		rec.Response.Body = rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "body")
		rec.Timeline = rapid.Uint32().Draw(t, "timeline")
		rec.ExpiresAt = time.UnixMicro(rapid.Int64Range(-1<<50, 1<<51).Draw(t, "expires")).UTC()
		rec.Response.Headers = nil
		for range rapid.IntRange(0, 5).Draw(t, "headers") {
			rec.Response.Headers = append(rec.Response.Headers, idempotency.Header{
				Name: rapid.StringN(0, 60, 255).Draw(t, "name"), Value: rapid.StringN(0, 900, 4000).Draw(t, "value"),
			})
		}
		got, other, err := codec.decode(codec.encode(rec), rec.Tenant, rec.KeyHash)
		if err != nil || other != nil {
			t.Fatal(other, err)
		}
		if diff := cmp.Diff(rec, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAMarkerComesBackAsItWas(t *testing.T) {
	t.Parallel()
	codec, rec := testCodec(t), testRecord()
	want := marker{token: [16]byte{1, 15: 2}, setAt: rec.ExpiresAt}
	value := codec.encodeMarker(rec.Tenant, rec.KeyHash, want)
	got, h, err := codec.decode(value, rec.Tenant, rec.KeyHash)
	if err != nil || got != nil || *h != want {
		t.Fatal(got, h, err)
	}
	if len(value) != markerSize || !strings.Contains(leaveSource, "#v == 106") || markerSize != 106 || valueHead != 50 {
		t.Fatal("the script that deletes markers knows another format")
	}
}

func TestValuesOfOthersAreNotServed(t *testing.T) {
	t.Parallel()
	codec, rec := testCodec(t), testRecord()
	value := codec.encode(rec)
	oldVersion := bytes.Clone(value)
	oldVersion[0] = 0
	unknownState := codec.signed(valueHeader(9, rec.Tenant, rec.KeyHash, 200))
	serverError := testRecord()
	for name, c := range map[string]struct {
		value   []byte
		tenant  idempotency.Tenant
		keyHash [32]byte
		want    badValue
	}{
		"another merchant's": {value, idempotency.Tenant{1, 2, 4}, rec.KeyHash, badOwner},
		"another key's":      {value, rec.Tenant, [32]byte{4, 5, 7}, badOwner},
		"truncated":          {value[:len(value)-1], rec.Tenant, rec.KeyHash, badSignature},
		"cut to nothing":     {value[:20], rec.Tenant, rec.KeyHash, badSize},
		"empty":              {nil, rec.Tenant, rec.KeyHash, badSize},
		"longer":             {append(bytes.Clone(value), 0), rec.Tenant, rec.KeyHash, badSignature},
		"an old version's":   {oldVersion, rec.Tenant, rec.KeyHash, badVersion},
		"an unknown state":   {unknownState, rec.Tenant, rec.KeyHash, badState},
		"another secret's":   {testCodec(t, "two").encode(serverError), rec.Tenant, rec.KeyHash, badSignature},
	} {
		got, h, err := codec.decode(c.value, c.tenant, c.keyHash)
		if reason, ok := errors.AsType[badValue](err); !ok || reason != c.want || got != nil || h != nil {
			t.Errorf("%s: %v %v %v, want %s", name, got, h, err, c.want)
		}
	}
}

// Even what is signed is refused when it is no outcome or doesn't add up.
func TestSignedNonsenseIsNotServed(t *testing.T) {
	t.Parallel()
	codec, rec := testCodec(t), testRecord()
	value := codec.encode(rec)
	unsigned := value[:len(value)-valueTag]
	status := valueHead + len(rec.Fingerprint) + 8 + 4
	failed := bytes.Clone(unsigned)
	binary.BigEndian.PutUint16(failed[status:], 500)
	for name, c := range map[string]struct {
		value []byte
		want  badValue
	}{
		"a server error": {codec.signed(failed), badState},
		"a short body":   {codec.signed(bytes.Clone(unsigned[:len(unsigned)-3])), badSize},
		"a long body":    {codec.signed(append(bytes.Clone(unsigned), 1, 2)), badSize},
		"no fields":      {codec.signed(bytes.Clone(unsigned[:valueHead])), badSize},
	} {
		if got, _, err := codec.decode(c.value, rec.Tenant, rec.KeyHash); got != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestARotatedSecretStillVerifies(t *testing.T) {
	t.Parallel()
	rec := testRecord()
	before, during, after := testCodec(t, "old"), testCodec(t, "new", "old"), testCodec(t, "new")
	if _, _, err := during.decode(before.encode(rec), rec.Tenant, rec.KeyHash); err != nil {
		t.Error("during the rotation an old value:", err)
	}
	if _, _, err := after.decode(during.encode(rec), rec.Tenant, rec.KeyHash); err != nil {
		t.Error("after the rotation a value written during it:", err)
	}
	if _, _, err := after.decode(before.encode(rec), rec.Tenant, rec.KeyHash); !errors.Is(err, badSignature) {
		t.Error("after the rotation an old value:", err)
	}
}

func TestWhatIsNoOutcomeOrTooLargeIsNotEncoded(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	for name, change := range map[string]func(*idempotency.Record){
		"in progress":     func(r *idempotency.Record) { r.State = idempotency.InProgress },
		"expired":         func(r *idempotency.Record) { r.State = idempotency.Expired },
		"no response":     func(r *idempotency.Record) { r.Response = nil },
		"a server error":  func(r *idempotency.Record) { r.Response.Status = 500 },
		"a large body":    func(r *idempotency.Record) { r.Response.Body = make([]byte, maxCachedBody+1) },
		"a large header":  func(r *idempotency.Record) { r.Response.Headers[0].Value = strings.Repeat("x", 65536) },
		"many headers":    func(r *idempotency.Record) { r.Response.Headers = make([]idempotency.Header, 256) },
		"a long resource": func(r *idempotency.Record) { r.Resource.Type = strings.Repeat("x", 256) },
	} {
		rec := testRecord()
		change(rec)
		if value := codec.encode(rec); value != nil {
			t.Errorf("%s: %d bytes", name, len(value))
		}
	}
}

func TestNamesShowNothingAndDifferByMerchantKeyAndSecret(t *testing.T) {
	t.Parallel()
	rec := testRecord()
	a, b := testCodec(t), testCodec(t, "two")
	names := map[string]bool{
		a.recordName(rec.Tenant, rec.KeyHash):                         true,
		a.recordName(idempotency.Tenant{9}, rec.KeyHash):              true,
		a.recordName(rec.Tenant, [32]byte{9}):                         true,
		b.recordName(rec.Tenant, rec.KeyHash):                         true,
		a.limiterName(string(rec.Tenant[:]) + string(rec.KeyHash[:])): true,
	}
	if len(names) != 5 {
		t.Fatal("two names are one:", names)
	}
}

func BenchmarkEncode(b *testing.B) {
	codec, rec := testCodec(b), testRecord()
	rec.Response.Body = make([]byte, 600)
	b.ReportAllocs()
	for b.Loop() {
		codec.encode(rec)
	}
}

func BenchmarkDecode(b *testing.B) {
	codec, rec := testCodec(b), testRecord()
	rec.Response.Body = make([]byte, 600)
	value := codec.encode(rec)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := codec.decode(value, rec.Tenant, rec.KeyHash); err != nil {
			b.Fatal(err)
		}
	}
}
