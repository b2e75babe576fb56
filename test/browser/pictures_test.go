package browser

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

const images = "../../docs/images"

func TestThePicturesAreThereAtBothWidths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"demo", "start"} {
		for _, width := range []int{1280, 375} {
			for _, scheme := range []string{"light", "dark"} {
				file := fmt.Sprintf("%s-%d-%s.png", name, width, scheme)
				content, err := os.ReadFile(filepath.Join(images, file))
				if err != nil {
					t.Error(err)
					continue
				}
				if picture, err := png.DecodeConfig(bytes.NewReader(content)); err != nil || picture.Width != width {
					t.Errorf("%s: %d px wide, %v", file, picture.Width, err)
				}
			}
		}
	}
}

func TestTheRecordingsAreSmallEnoughForADocumentAndNeedNothingElse(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"demo-page.svg", "demo-terminal.svg"} {
		content, err := os.ReadFile(filepath.Join(images, file))
		if err != nil {
			t.Error(err)
			continue
		}
		if len(content) > 2e6 {
			t.Errorf("%s has %d bytes, want 2 MB at most", file, len(content))
		}
		for _, outside := range []string{`href="http`, "url(", "<script"} {
			if bytes.Contains(bytes.ReplaceAll(content, []byte("url(#"), nil), []byte(outside)) {
				t.Errorf("%s holds %s", file, outside)
			}
		}
	}
}
