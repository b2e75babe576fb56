package redis

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// caesar is a sealer that can be read by eye, with a key that has to match.
type caesar byte

func (c caesar) Seal(text, context []byte) []byte {
	sealed := append([]byte{byte(c)}, context...)
	for _, b := range text {
		sealed = append(sealed, b+byte(c))
	}
	return sealed
}

func (c caesar) Open(sealed, context []byte) ([]byte, error) {
	if !bytes.HasPrefix(sealed, append([]byte{byte(c)}, context...)) {
		return nil, errors.New("another key or row")
	}
	text := []byte{}
	for _, b := range sealed[1+len(context):] {
		text = append(text, b-byte(c))
	}
	return text, nil
}

func TestASealedValueShowsNoBodyAndComesBackAsItWas(t *testing.T) {
	t.Parallel()
	codec, rec := testCodec(t), testRecord()
	codec.sealer = caesar(7)
	value := codec.encode(rec)
	if value == nil || bytes.Contains(value, rec.Response.Body) {
		t.Fatalf("the value shows the body: %q", value)
	}
	got, _, err := codec.decode(value, rec.Tenant, rec.KeyHash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rec.Response, got.Response); diff != "" {
		t.Errorf("(-kept +read):\n%s", diff)
	}
}

func TestASealedValueThatCannotBeOpenedIsAMiss(t *testing.T) {
	t.Parallel()
	sealing, rec := testCodec(t), testRecord()
	sealing.sealer = caesar(7)
	value := sealing.encode(rec)
	other := testCodec(t)
	other.sealer = caesar(8)
	for name, codec := range map[string]*valueCodec{"another key": other, "no key": testCodec(t)} {
		if got, _, err := codec.decode(value, rec.Tenant, rec.KeyHash); !errors.Is(err, badSeal) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, badSeal)
		}
	}
}

func TestAResponseThatShowsASecretIsNeverAValue(t *testing.T) {
	t.Parallel()
	for name, sealer := range map[string]Sealer{"sealing": caesar(7), "not sealing": nil} {
		codec, rec := testCodec(t), testRecord()
		codec.sealer = sealer
		rec.Response.Secret = true
		if value := codec.encode(rec); value != nil {
			t.Errorf("%s: Redis would get %q", name, value)
		}
	}
}
