package main

import (
	"bytes"
	"os"
	"testing"
)

func TestDescriptionIsFresh(t *testing.T) {
	t.Parallel()
	fresh, err := generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	if committed, err := os.ReadFile("../openapi.json"); err != nil || !bytes.Equal(fresh, committed) {
		t.Errorf("docs/openapi.json is not what the annotations say: run make generate (%v)", err)
	}
}
