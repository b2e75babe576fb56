// Package clients holds payonce's clients to their promise against the running service: two replicas behind a door that loses
// answers, resets connections and is refused, with replicas that are killed and stores that go away. Each operation happens
// once: none is doubled, none is lost. The checker of test/check judges, and the rows are counted.
//
// It also runs what docs/integration.md shows: its snippets, in each language, while answers are lost; and its table of how
// other HTTP clients and gateways repeat requests, which is measured and compared cell by cell.
//
//	go test ./test/clients        # some hundred operations
//	make clients                  # 10,000
package clients
