package security

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// A password in two pieces with a character between them that a URL gives a meaning to, or a client.
const passwordStart, passwordEnd = "kq7zdm3xbt", "w9vtr5hbnc"

// passwords are all that people write who forget to escape, and some who don't forget.
func passwords() (all []string) {
	for _, between := range []string{
		"@", "@@", "/", "@a/", "/@", "#", "#@", "?", "?a=@", "&a=", ":", "%", "%4", "%zz", "%40", "%2F", " ", "[", "]", "'", `"`, `\`, ",", "1,", "@a,", "@a:1/", "1/", "+", "é",
	} {
		all = append(all, passwordStart+between+passwordEnd)
	}
	return append(all, "1/"+passwordStart+"@"+passwordEnd, "1#"+passwordStart, "1?"+passwordStart, passwordStart+"@", "@"+passwordStart)
}

// addresses are the settings of a start that fails, each with a password. What a client could dial refuses at once.
func addresses(password string) []string {
	const database = "DATABASE_URL=postgres://u:p@127.0.0.1:1/d"
	return []string{
		"DATABASE_URL=postgres://u:" + password + "@127.0.0.1:1/d", "DATABASE_URL=postgres://:" + password + "@127.0.0.1:1",
		"DATABASE_URL=postgres://u:" + password + "@127.0.0.1:1,127.0.0.1:2/d?sslmode=require",
		"DATABASE_URL=postgres://127.0.0.1:1/d?user=u&password=" + password, "DATABASE_URL=host=127.0.0.1 port=1 user=u password=" + password,
		"DATABASE_URL=host=127.0.0.1 port=1 user=u password='" + password + "'", "DATABASE_URL=mysql://u:" + password + "@127.0.0.1:1/d",
		"DATABASE_URL=" + password,
		database + "\x00REDIS_URL=redis://:" + password + "@127.0.0.1:1/0", database + "\x00REDIS_URL=redis://u:" + password + "@127.0.0.1:1,127.0.0.1:2",
		database + "\x00REDIS_URL=redis+sentinel://u:" + password + "@127.0.0.1:1/main", database + "\x00REDIS_URL=unix://u:" + password + "@/nowhere/redis.sock",
		database + "\x00PROVIDER_URL=http://u:" + password + "@127.0.0.1:1", database + "\x00PAYONCE_DOWNLOAD_URL=http://u:" + password + "@127.0.0.1:1",
	}
}

func TestNoCommandShowsAPieceOfAPasswordInAnAddress(t *testing.T) {
	t.Parallel()
	commands := [][]string{
		{"serve"},
		{"migrate", "up"},
		{"migrate", "status"},
		{"merchant", "create", "--name", "x"},
		{"merchant", "list"},
		{"merchant", "key", "create", "--merchant", "mer_00000000000000000000000000"},
		{"merchant", "key", "revoke", "x"},
		{"healthcheck"},
	}
	places := make(chan struct{}, 4)
	done := make(chan struct{})
	runs := 0
	for i, password := range passwords() {
		for j, settings := range addresses(password) {
			// One command each, all in turn: they read their settings in one place.
			command := commands[(i+j)%len(commands)]
			runs++
			go func() {
				places <- struct{}{}
				defer func() { <-places; done <- struct{}{} }()
				failsSilently(t, command, strings.Split(settings, "\x00"))
			}()
		}
	}
	for range runs {
		<-done
	}
}

// Whatever stands on the command line instead of where it belongs.
func TestAWrongCommandLineShowsNoPasswordOfIt(t *testing.T) {
	t.Parallel()
	address := "postgres://u:" + passwordStart + "@" + passwordEnd + "@127.0.0.1:1/d"
	for _, command := range [][]string{
		{address},
		{"serve", address},
		{"--databse-url=" + address},
		{"--databse-url", address},
		{"migrate", address},
		{"merchant", "list", address},
		{"merchant", "key", "revoke", address},
		{"merchant", "key", "create", "--merchant=" + address},
		{"serve", "--database-url=" + address},
		{"migrate", "--database-url", address},
		{"--addr", address},
		{"--rate-limit=" + address},
		{"--log-level", address},
		{"--data-dir=" + address},
		{"simulator", "--data-dir", address},
		{"simulator", "--addr", address},
		{"--pg-bin-dir=" + address, "extra"},
		{"serve", "host=h password=" + passwordStart + passwordEnd},
		{"--postgres=" + address},
	} {
		failsSilently(t, command, []string{"DATABASE_URL=postgres://u:p@127.0.0.1:1/d"})
	}
}

// failsSilently runs a command that must fail with a sentence and show nothing of the password, 6 characters or more.
func failsSilently(t *testing.T, arguments, settings []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	command, home := exec.CommandContext(ctx, service.Binary(t), arguments...), t.TempDir()
	command.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "DATA_DIR=" + home + "/payonce", "ADDR=127.0.0.1:1", "ADMIN_ADDR=127.0.0.1:0",
		"SECRET_KEY=" + service.SecretKey, "PROVIDER_SECRET_KEY=sk", "LOG_LEVEL=debug",
	}, settings...)
	written, err := command.CombinedOutput()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if !failed || exit.ExitCode() < 1 || exit.ExitCode() > 2 || !strings.Contains(string(written), "payonce: ") {
		t.Errorf("%q with %q: got %v, %s; want an exit code of 1 or 2 and a sentence", arguments, settings, err, written)
	}
	for _, piece := range []string{passwordStart, passwordEnd} {
		for i := 0; i+6 <= len(piece); i++ {
			if strings.Contains(string(written), piece[i:i+6]) {
				t.Errorf("%q with %q shows a piece of the password: %s", arguments, settings, written)
				return
			}
		}
	}
}
