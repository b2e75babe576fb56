package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/payonce/payonce/idempotency/seal"
)

func box(t *testing.T, purpose string, roots ...string) *seal.Box {
	t.Helper()
	var secrets [][]byte
	for _, root := range roots {
		secrets = append(secrets, bytes.Repeat([]byte(root), 32))
	}
	b, err := seal.New(purpose, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestASealedTextOpensForItsRowAndPurposeOnly(t *testing.T) {
	t.Parallel()
	b, row := box(t, "responses", "a"), []byte("row 1")
	for _, text := range []string{"", "x", strings.Repeat("long ", 20_000)} {
		sealed := b.Seal([]byte(text), row)
		if len(sealed) != len(text)+seal.Overhead || len(text) > 4 && bytes.Contains(sealed, []byte(text[:5])) {
			t.Errorf("%d bytes became %d, or show", len(text), len(sealed))
		}
		if got, err := b.Open(sealed, row); err != nil || got == nil || string(got) != text {
			t.Errorf("opened %d bytes, %v; want %d", len(got), err, len(text))
		}
		if _, err := b.Open(sealed, []byte("row 2")); !errors.Is(err, seal.ErrBroken) {
			t.Errorf("in another row: %v, want ErrBroken", err)
		}
		if _, err := box(t, "endpoints", "a").Open(sealed, row); !errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("for another purpose: %v, want ErrUnknownKey", err)
		}
	}
}

func TestEveryChangedByteIsRefused(t *testing.T) {
	t.Parallel()
	b, row := box(t, "responses", "a"), []byte("row")
	sealed := b.Seal([]byte("secret"), row)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if text, err := b.Open(changed, row); err == nil {
			t.Errorf("byte %d changed: opened %q", i, text)
		}
	}
	for n := range sealed {
		if text, err := b.Open(sealed[:n], row); err == nil {
			t.Errorf("cut at %d: opened %q", n, text)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	row := []byte("row")
	before, during, after := box(t, "r", "a"), box(t, "r", "b", "a"), box(t, "r", "b")
	old, fresh := before.Seal([]byte("old"), row), during.Seal([]byte("new"), row)
	for name, test := range map[string]struct {
		box    *seal.Box
		sealed []byte
		err    error
	}{
		"old, during the rotation": {during, old, nil},
		"new, during the rotation": {during, fresh, nil},
		"new, after it":            {after, fresh, nil},
		"old, after it":            {after, old, seal.ErrUnknownKey},
		"new, before it":           {before, fresh, seal.ErrUnknownKey},
	} {
		if current := bytes.HasPrefix(test.sealed, test.box.Head()); current != strings.HasPrefix(name, "new, during") && current != strings.HasPrefix(name, "new, after") {
			t.Errorf("%s: sealed with the present root: %t", name, current)
		}
		if _, err := test.box.Open(test.sealed, row); !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", name, err, test.err)
		}
	}
}

func TestTheSameTextIsNeverSealedTheSameWay(t *testing.T) {
	t.Parallel()
	b := box(t, "r", "a")
	if bytes.Equal(b.Seal([]byte("x"), nil), b.Seal([]byte("x"), nil)) {
		t.Error("two sealed values of one text are equal: a reader of the database could compare secrets")
	}
}

func TestAWeakRootIsRefused(t *testing.T) {
	t.Parallel()
	for _, roots := range [][][]byte{nil, {make([]byte, 31)}, {make([]byte, 32), nil}} {
		if _, err := seal.New("r", roots); err == nil {
			t.Errorf("made a box of %d roots", len(roots))
		}
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	box, err := seal.New("r", [][]byte{make([]byte, 32)})
	if err != nil {
		b.Fatal(err)
	}
	text, row := make([]byte, 600), make([]byte, 48)
	for b.Loop() {
		if _, err := box.Open(box.Seal(text, row), row); err != nil {
			b.Fatal(err)
		}
	}
}
