package archive

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/payonce/payonce/models"
)

// Found is a tombstone in an archive.
type Found struct {
	Tombstone
	File string `json:"file"`
	// Sealed is false while the file grows, or until it is sealed after a crash: then the record may still be in the table instead.
	Sealed bool `json:"sealed"`
}

// Find returns the records of a key in the archive, each once, in the order of the files' names, which is that of their time. merchant is
// a public id; empty means all of them: keys are a merchant's own, so another's key of the same text is another key. A key has more
// than one record where it was used again when it had been forgotten. Find needs no database, and reads each file of tombstones; what it finds in others it
// returns beside the error that one is damaged.
func Find(ctx context.Context, dir string, keyHash [32]byte, merchant string) ([]Found, error) {
	f, err := readFolder(dir)
	if err != nil {
		return nil, err
	}
	parts, err := f.parts(models.ArchiveTombstones)
	if err != nil {
		return nil, err
	}
	var all []Found
	var damaged error
	known := map[string]bool{}
	text := []byte(hex.EncodeToString(keyHash[:]))
	for _, p := range parts {
		first := len(all)
		content, p, err := f.readPart(p, func(line []byte) error {
			if !bytes.Contains(line, text) {
				return ctx.Err()
			}
			var found Found
			if err := json.Unmarshal(line, &found.Tombstone); err != nil {
				return err
			}
			id := found.MerchantID + found.ClaimID.String()
			if found.KeySHA256 == string(text) && (merchant == "" || merchant == found.MerchantID) && !known[id] {
				known[id] = true
				all = append(all, found)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if p.sealed && content.cut != nil {
			damaged = errors.Join(damaged, fmt.Errorf("%s is damaged: %w", p.file(), content.cut))
		}
		for i := range all[first:] {
			all[first+i].File, all[first+i].Sealed = p.file(), p.sealed
		}
	}
	return all, damaged
}
