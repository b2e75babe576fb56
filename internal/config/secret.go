package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	secretBytes = 32
	secretFile  = "secret.key"
	secretMode  = 0o600
	keysAllowed = "32 bytes in base64 (`openssl rand -base64 32` makes them), or two such values separated by a comma"
	redacted    = "[redacted]"
)

// Secret is text that prints as [redacted]; string(s) reveals it.
type Secret string

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from revealing it.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders, slog's JSON among them, from revealing it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// SecretKeys are one or two keys of 32 bytes: the first signs, all verify. They print as [redacted].
type SecretKeys [][]byte

func (k SecretKeys) String() string {
	if len(k) == 0 {
		return ""
	}
	return redacted
}

// GoString keeps %#v from revealing them.
func (k SecretKeys) GoString() string { return k.String() }

// MarshalText keeps encoders, slog's JSON among them, from revealing them.
func (k SecretKeys) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// ParseSecretKeys reads one or two comma-separated keys in base64; empty text is no key. Its errors don't repeat it.
func ParseSecretKeys(text string) (SecretKeys, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > 2 {
		return nil, fmt.Errorf("%d keys: %w", len(parts), errNotAllowed)
	}
	keys := make(SecretKeys, 0, len(parts))
	for _, part := range parts {
		key, err := decodeSecret(part)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func decodeSecret(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != secretBytes {
		return nil, fmt.Errorf("not 32 bytes in base64: %w", errNotAllowed)
	}
	return key, nil
}

// LoadOrCreateSecret reads the key that dir keeps for embedded stores, or makes it. Any number of processes may call it
// at once: all return the same key. It refuses a file that other users can read.
func LoadOrCreateSecret(dir string) ([]byte, error) {
	path := filepath.Join(dir, secretFile)
	key, err := loadSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createSecret(dir, path); err != nil {
		return nil, fmt.Errorf("create the secret key in DATA_DIR: %w", err)
	}
	return loadSecret(path) // what lies there now: ours, or that of the process that was first
}

func loadSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by other users (mode %04o): run chmod 600 on it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w", err)
	}
	key, err := decodeSecret(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s does not hold 32 bytes in base64: %w", path, err)
	}
	return key, nil
}

// createSecret writes a whole file beside path and links it there. A link, unlike a rename, fails when path exists, so
// the first of two racing processes wins and no reader ever sees half a file.
func createSecret(dir, path string) error {
	draft, err := os.CreateTemp(dir, secretFile+".*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails since Go 1.24
	_, err = draft.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := errors.Join(err, draft.Chmod(secretMode), draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name survive a power cut; what the key sealed would be lost with it.
func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
