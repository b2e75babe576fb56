//go:build unix

package embedded_test

import (
	"testing"

	"github.com/payonce/payonce/internal/embedded"
)

// The goal is under 1.5 s for the first start and under 0.2 s for the next.
func BenchmarkStart(b *testing.B) {
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			cfg := embedded.PostgresConfig{Dir: dataFolder(b)}
			b.StartTimer()
			pg := start(b, cfg)
			b.StopTimer()
			stop(b, pg)
			b.StartTimer()
		}
	})
	b.Run("warm", func(b *testing.B) {
		cfg := embedded.PostgresConfig{Dir: dataFolder(b)}
		stop(b, start(b, cfg))
		for b.Loop() {
			pg := start(b, cfg)
			b.StopTimer()
			stop(b, pg)
			b.StartTimer()
		}
	})
}
