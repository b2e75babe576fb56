package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/payonce/payonce/test/needs"
)

// built is what tests build or install once. A global, because tests share nothing else that could carry it.
var built made

type made struct {
	folder   string // removed by TestMain
	compile  sync.Once
	install  sync.Once
	find     sync.Once
	compiled error
	output   []byte
	failed   error
	urllib3  string // a python3 that has it
}

// retryable is the program of the folder retryable.
func (m *made) retryable(t *testing.T) string {
	t.Helper()
	path := filepath.Join(m.folder, "retryable")
	m.compile.Do(func() {
		build := exec.CommandContext(t.Context(), "go", "build", "-C", "retryable", "-o", path, ".")
		m.output, m.compiled = build.CombinedOutput()
	})
	if m.compiled != nil {
		t.Fatalf("build retryable: %v\n%s", m.compiled, m.output)
	}
	return path
}

// node is a folder with the packages of the folder npm, installed as its lock file says.
func (m *made) node(t *testing.T) string {
	t.Helper()
	needsPrograms(t, "node", "npm")
	path := filepath.Join(m.folder, "npm")
	m.install.Do(func() {
		if m.failed = os.CopyFS(path, os.DirFS("npm")); m.failed == nil {
			m.output, m.failed = needs.NPM(t, "ci", "--prefix", path)
		}
		if m.failed == nil { // imported by its name, as in a program of its own
			js, _ := filepath.Abs("../../client/js") // fails only without a working directory
			m.failed = os.Symlink(js, filepath.Join(path, "node_modules", "payonce"))
		}
	})
	if m.failed != nil {
		needs.Missing(t, "npm packages can't be installed: "+m.failed.Error()+"\n"+string(m.output))
	}
	return path
}

// script is a copy of a script of testdata beside those packages.
func (m *made) script(t *testing.T, name string) string {
	t.Helper()
	folder := m.node(t)
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.CreateTemp(folder, "*-"+name)
	if err == nil {
		_, err = script.Write(text)
	}
	if err == nil {
		err = script.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return script.Name()
}

// python is a python3 with urllib3.
func (m *made) python(t *testing.T) string {
	t.Helper()
	m.find.Do(func() {
		for _, python := range []string{"python3", "/usr/bin/python3"} { // Debian's own has Debian's package
			if exec.CommandContext(t.Context(), python, "-c", "import urllib3").Run() == nil {
				m.urllib3 = python
				return
			}
		}
	})
	if m.urllib3 == "" {
		needs.Missing(t, "no python3 with urllib3")
	}
	return m.urllib3
}
