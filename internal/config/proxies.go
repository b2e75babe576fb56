package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// Proxies are the blocks of TRUSTED_PROXIES; an address is a block of one.
func (c *Config) Proxies() []netip.Prefix {
	blocks, _ := parseProxies(c.TrustedProxies) // Parse has checked them
	return blocks
}

func checkProxies(text string) error {
	_, err := parseProxies(text)
	return err
}

func parseProxies(text string) (blocks []netip.Prefix, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		block, err := parseProxy(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

// parseProxy refuses zones, which no remote address in a list could be compared with, and the block of all addresses.
func parseProxy(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		block, err := netip.ParsePrefix(text)
		if err != nil || block.Bits() == 0 {
			return netip.Prefix{}, fmt.Errorf("block %q: %w", text, errNotAllowed)
		}
		return block.Masked(), nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("address %q: %w", text, errNotAllowed)
	}
	address = address.Unmap()
	return netip.PrefixFrom(address, address.BitLen()), nil
}
