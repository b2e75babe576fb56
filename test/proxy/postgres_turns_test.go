package proxy_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/payonce/payonce/test/proxy"
)

// Between two transactions statements are prepared: what the first one said doesn't make that its reply.
func TestAReplyBelongsToItsOwnTransactionOnly(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	conn := connect(t, b.proxy.URL(), pgx.QueryExecModeCacheStatement)
	if err := batch(conn, 1); err != nil {
		t.Fatal(err)
	}
	lost := b.proxy.Arm(proxy.Fault{Kind: proxy.CutReply, Match: "INSERT INTO money"})
	if _, err := conn.Prepare(t.Context(), "later", "SELECT count(*) FROM money"); err != nil || lost.Hits() != 0 {
		t.Errorf("what was prepared later: got %v, %d replies cut; want none", err, lost.Hits())
	}
	if err := batch(conn, 2); err == nil || lost.Hits() != 1 || !b.has(2) {
		t.Errorf("the transaction: got %v, %d replies cut; want its reply lost", err, lost.Hits())
	}
}
