package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/payonce/payonce/internal/config"
)

func TestRacingProcessesAgreeOnOneSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := make([][]byte, 50)
	var group sync.WaitGroup
	for i := range keys {
		group.Go(func() {
			key, err := config.LoadOrCreateSecret(dir)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	group.Wait()
	for _, key := range keys {
		if len(key) != 32 || !bytes.Equal(key, keys[0]) {
			t.Fatalf("got %x and %x", keys[0], key)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want secret.key alone", entries, err)
	}
}

func TestTheSecretIsKeptAndOnlyItsOwnerReadsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := config.LoadOrCreateSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "secret.key")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v, want 0600", info.Mode(), err)
	}
	second, err := config.LoadOrCreateSecret(dir)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("second start: %v, the same key: %t", err, bytes.Equal(first, second))
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadOrCreateSecret(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a readable file gives %v, want an error that says chmod 600", err)
	}
}

func TestABrokenSecretFileIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "secret.key")
	if err := os.WriteFile(path, []byte("c2hvcnQ=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.LoadOrCreateSecret(dir)
	if err == nil || strings.Contains(err.Error(), "c2hvcnQ") {
		t.Errorf("error %v, want one that does not repeat the file", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "c2hvcnQ=\n" {
		t.Errorf("the file now holds %q, %v", text, err)
	}
}

func TestAMissingFolderIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := config.LoadOrCreateSecret(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("made a secret in a folder that does not exist")
	}
}
