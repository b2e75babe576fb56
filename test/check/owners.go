package check

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
)

// owners knows whose every resource is.
type owners map[uuid.UUID]uuid.UUID

// prefixes are those of ids that belong to a merchant.
func prefixes() []string {
	return []string{models.PrefixOrder, models.PrefixPayment, models.PrefixEvent, models.PrefixMerchant}
}

// ids finds them in a body.
var ids = regexp.MustCompile(`\b(?:ord|pay|evt|mer)_[0-7][0-9a-hjkmnp-tv-z]{25}\b`)

func (c *checker) readOwners(ctx context.Context) error {
	c.owners = owners{}
	for _, query := range []string{
		"SELECT id, id FROM merchants", "SELECT merchant_id, id FROM orders",
		"SELECT merchant_id, id FROM payments", "SELECT merchant_id, id FROM events",
	} {
		err := each(ctx, c.in.DB, query, nil, func(scan func(dest ...any) error) error {
			var owner, id uuid.UUID
			if err := scan(&owner, &id); err != nil {
				return err
			}
			c.owners[id] = owner
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkOwner looks at every id that an answer shows.
func (c *checker) checkOwner(e *Event, merchant uuid.UUID) {
	shown := e.Body + " " + e.Header["Location"] + " " + e.Header["Link"]
	for _, text := range ids.FindAllString(shown, -1) {
		owner, known := c.owners[parse(text)]
		switch {
		case known && owner != merchant:
			c.report.violated(OwnData, "%s saw %s of %s: %s", e.Merchant, text, models.FormatID(models.PrefixMerchant, owner), describe(e))
		case !known && e.good() && !e.mayBeTakenBack(text):
			c.report.violated(KnownResources, "%s does not exist: %s", text, describe(e))
		}
	}
}

// mayBeTakenBack: a read shows the payment under way. One whose first call surely never reached the provider is removed again,
// with the order free and the key unspent; so a read may show it, but no answer to a request says that it was made.
func (e *Event) mayBeTakenBack(id string) bool {
	if e.Method != http.MethodGet || !strings.HasPrefix(id, models.PrefixPayment) {
		return false
	}
	var shown struct {
		ID     string           `json:"id"`
		Status string           `json:"status"`
		Data   []map[string]any `json:"data"`
	}
	if json.Unmarshal([]byte(e.Body), &shown) != nil {
		return false
	}
	for _, payment := range append(shown.Data, map[string]any{"id": shown.ID, "status": shown.Status}) {
		if payment["id"] == id {
			return payment["status"] == string(models.PaymentProcessing)
		}
	}
	return false
}

// parse reads an id of any prefix; for a text that is no id it returns uuid.Nil, which no resource has.
func parse(text string) uuid.UUID {
	for _, prefix := range prefixes() {
		if id, err := models.ParseID(prefix, text); err == nil {
			return id
		}
	}
	return uuid.Nil
}
