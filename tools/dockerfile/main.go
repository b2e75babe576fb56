// Command dockerfile lints the Dockerfile that it is given with BuildKit's own parser and rules: what `docker build --check` prints.
// No image is fetched and nothing is built.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	if len(os.Args) != 2 {
		_, _ = fmt.Fprintln(os.Stderr, "usage: dockerfile FILE")
		os.Exit(2)
	}
	if err := lint(context.Background(), os.Args[1]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "dockerfile:", err)
		os.Exit(1)
	}
}

func lint(ctx context.Context, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	platform := ocispecs.Platform{OS: "linux", Architecture: "arm64"}
	source := llb.NewSourceMap(nil, path, "Dockerfile", text)
	source.Definition = &llb.Definition{}
	found, err := dockerfile2llb.DockerfileLint(ctx, text, dockerfile2llb.ConvertOpt{
		Config:         dockerui.Config{BuildPlatforms: []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}}},
		TargetPlatform: &platform, // cross-building
		SourceMap:      source,
		MetaResolver:   anyImage{},
	})
	if err != nil {
		return err
	}
	if found.Error != nil {
		return errors.New(found.Error.Message)
	}
	for _, w := range found.Warnings {
		line := 0
		if w.Location != nil && len(w.Location.Ranges) > 0 {
			line = int(w.Location.Ranges[0].Start.Line)
		}
		_, _ = fmt.Fprintf(os.Stderr, "%s:%d: %s: %s\n", path, line, w.RuleName, w.Detail)
	}
	if n := len(found.Warnings); n > 0 {
		return fmt.Errorf("%d warnings", n)
	}
	return nil
}

// anyImage answers for every image that the Dockerfile names, in place of its registry: it has no settings of its own.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	image := ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		image.Platform = *opt.ImageOpt.Platform
	}
	config, err := json.Marshal(image)
	return ref, digest.FromBytes(config), config, err
}
