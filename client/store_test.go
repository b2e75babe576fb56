package payonce_test

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	payonce "github.com/payonce/payonce/client"
)

func TestStoresKeepOneKeyPerOperation(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func() payonce.Store {
		s, err := payonce.NewFileStore(folder)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	memory := payonce.NewMemoryStore()
	for name, open := range map[string]func() payonce.Store{
		"memory": func() payonce.Store { return memory }, "files": file,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const operation = "a/../b \x00 ü"
			var got [8]payonce.Entry
			var group sync.WaitGroup
			for i := range got { // as many programs
				group.Go(func() {
					var err error
					if got[i], err = open().Claim(t.Context(), operation, payonce.Entry{Key: strconv.Itoa(i), Request: "r"}); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			for _, entry := range got {
				if entry != got[0] || entry.Request != "r" {
					t.Errorf("got %+v and %+v, want one entry", entry, got[0])
				}
			}
			s := open()
			if err := s.Release(t.Context(), operation, "another key"); err != nil {
				t.Error(err)
			}
			if kept, ok, err := s.Find(t.Context(), operation); !ok || err != nil || kept != got[0] {
				t.Errorf("got %+v, %t, %v after the release of another key", kept, ok, err)
			}
			for range 2 {
				if err := s.Release(t.Context(), operation, got[0].Key); err != nil {
					t.Error(err)
				}
			}
			if _, ok, err := open().Find(t.Context(), operation); ok || err != nil {
				t.Errorf("it is still there: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
			t.Errorf("files are left: %v, %v", left, err)
		}
	})
}

func TestAFileStoreWithoutAFolderSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	if _, err := payonce.NewFileStore(""); err == nil || !strings.Contains(err.Error(), "the folder of the keys has no name") {
		t.Errorf("got %v", err)
	}
}

func TestAFileStoreThatIsDamagedFailsInsteadOfForgetting(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s, err := payonce.NewFileStore(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(t.Context(), "basket-1", payonce.Entry{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v, %v; want one file", files, err)
	}
	if err := os.WriteFile(folder+"/"+files[0].Name(), []byte(`{"key":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if entry, err := s.Claim(t.Context(), "basket-1", payonce.Entry{Key: "new"}); err == nil {
		t.Errorf("got %+v, want an error: a new key could double the effect", entry)
	}
}
