// Package js holds the JavaScript client as a file of the binary, for the demo page, which uses it as any shop may.
package js

import _ "embed" // for the client

//go:embed payonce.js
var module []byte

// Module is payonce.js. It must not be changed.
func Module() []byte { return module }
