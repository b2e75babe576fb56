package check

import (
	"fmt"

	"github.com/payonce/payonce/idempotency/seal"
)

// open returns a body as it was answered: one that is stored sealed is opened with the SECRET_KEYs.
func (c *checker) open(id keyID, sealed bool, body []byte) ([]byte, error) {
	if !sealed {
		return body, nil
	}
	if c.box == nil {
		var err error
		if c.box, err = seal.New("responses", c.in.Secrets); err != nil {
			return nil, fmt.Errorf("responses are sealed, and the secrets don't open them: %w", err)
		}
	}
	return c.box.Open(body, append(id.merchant[:], id.hash[:]...))
}
