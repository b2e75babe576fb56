package demo

import (
	"errors"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/naive"
)

// The judge is put before a service that promises nothing, and has to find each scene broken.
func TestAServiceWithoutProtectionBreaksThePromiseInEveryScene(t *testing.T) {
	t.Parallel()
	s := openNaiveStage(t)
	doc := report{PromiseHeld: true}
	accused := &side{protected: true, merchant: naive.Merchant, replicas: s.without.replicas}
	for _, sc := range scenes() {
		p, err := newPlay(t.Context(), s, accused, sc.keys)
		if err != nil {
			t.Fatal(err)
		}
		sc.script(p)
		found, err := p.result(sc)
		p.end()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(found.Breaches, "\n"), "not asked for under the key that follows from the request") || len(found.Breaches) < 2 {
			t.Errorf("%s: %d charges, and the judge found only %q", sc.name, found.Charges, found.Breaches)
		}
		doc.add(sceneReport{Name: sc.name, With: found})
	}
	if doc.PromiseHeld || len(doc.Breaches) < 2*len(scenes()) {
		t.Errorf("the report says that the promise held: %t, after %q", doc.PromiseHeld, doc.Breaches)
	}
}

// The harm is not a matter of luck.
func TestWithoutProtectionEverySceneChargesAgain(t *testing.T) {
	t.Parallel()
	s := openNaiveStage(t)
	for _, sc := range scenes() {
		found, err := s.perform(t.Context(), sc, s.without)
		if err != nil {
			t.Fatal(err)
		}
		if found.Charges != sc.harm || found.Amount != int64(sc.harm)*price || found.Breaches == nil || len(found.Breaches) > 0 {
			t.Errorf("%s: %+v, not %d charges", sc.name, found, sc.harm)
		}
	}
}

// openNaiveStage is a stage on which only the plain service runs.
func openNaiveStage(t *testing.T) *stage {
	t.Helper()
	folder, err := makeFolder()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{folder: folder}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	err = s.openStores(t.Context(), &config.Demo{})
	if err == nil {
		s.provider, err = openProviderStub(t.Context())
	}
	if err := errors.Join(err, s.openWithout(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s
}
