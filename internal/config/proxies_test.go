package config_test

import (
	"fmt"
	"testing"
)

func TestTrustedProxiesAreBlocks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                "[]",
		"10.0.0.7":                        "[10.0.0.7/32]",
		"10.0.0.7, 192.168.3.9/24":        "[10.0.0.7/32 192.168.3.0/24]",
		"::1,fd00::/8":                    "[::1/128 fd00::/8]",
		"::ffff:10.0.0.7":                 "[10.0.0.7/32]",
		"127.0.0.0/8,::1,172.31.250.0/24": "[127.0.0.0/8 ::1/128 172.31.250.0/24]",
		"0.0.0.0/1":                       "[0.0.0.0/1]",
	} {
		cfg := serve(t, map[string]string{"TRUSTED_PROXIES": text})
		if got := fmt.Sprint(cfg.Proxies()); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
