// Package browser uses the pages as a person does: a headless Chromium clicks through the demo page and the start page that the
// real binary serves, with its embedded stores. The scripts are Node's (run.mjs, playwright-core and axe-core from the lock file);
// the package's tests start the service and the scripts, and try what a browser never sends.
package browser
