//go:build !unix

package embedded

import (
	"os"
	"syscall"
)

// supported says whether servers can be run as children here.
const supported = false

const canPassFolders = false

func tryLock(*os.File, bool) (bool, error)                         { return true, nil }
func processAlive(int) bool                                        { return false }
func signalProcess(int, syscall.Signal) error                      { return nil }
func serverAccount([]string) (account, error)                      { return account{}, nil }
func (a account) own(string) error                                 { return nil }
func (a account) checkEnter(string) error                          { return nil }
func childAttributes(account, syscall.Signal) *syscall.SysProcAttr { return nil }
func watchParent(int, syscall.Signal) (release func(), err error)  { return func() {}, nil }
func worksIn(int, string) bool                                     { return false }
