//go:build !unix

package embedded

import (
	"io/fs"
	"os"
	"syscall"
)

// supported says whether servers can be run as children here.
const supported = false

const canPassFolders = false

func tryLock(*os.File, bool) (bool, error)                         { return true, nil }
func userName(uint32) string                                       { return os.Getenv("USERNAME") }
func ownerOf(fs.FileInfo) (uint32, bool)                           { return 0, false }
func processAlive(int) bool                                        { return false }
func signalProcess(int, syscall.Signal) error                      { return nil }
func serverAccount([]string) (account, error)                      { return account{}, nil }
func (a account) own(string) error                                 { return nil }
func (a account) checkEnter(string) error                          { return nil }
func childAttributes(account, syscall.Signal) *syscall.SysProcAttr { return nil }
func watchParent(int, syscall.Signal) (release func(), err error)  { return func() {}, nil }
func worksIn(int, string) bool                                     { return false }

// lendName: only Linux has namespaces of users.
func lendName() (account, bool) { return account{}, false }
