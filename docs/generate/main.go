// Command generate writes docs/openapi.json. Run it with go generate ./docs.
package main

import (
	"fmt"
	"os"

	"github.com/payonce/payonce/docs/openapi"
)

func main() {
	document, err := openapi.Generate("..")
	if err == nil {
		err = os.WriteFile("openapi.json", document, 0o644) //nolint:gosec // published as it is
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
