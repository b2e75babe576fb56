package clients

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	payonce "github.com/payonce/payonce/client"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
)

// snippet is how a block of docs/integration.md is run.
type snippet struct {
	language string // of the block
	file     string
	command  []string
	programs []string
	again    string // what a second run says
}

func snippets() []snippet {
	return []snippet{
		{"sh", "pay.sh", []string{"sh", "-eu", "pay.sh"}, []string{"sh", "curl"}, "succeeded"},
		{"js", "pay.mjs", []string{"node", "pay.mjs"}, []string{"node"}, "has a payment already"}, // its key ended with the process; the order doesn't
		{"python", "pay.py", []string{"python3", "pay.py"}, []string{"python3"}, "succeeded"},
		{"java", "Pay.java", []string{"java", "Pay.java"}, []string{"java"}, "succeeded"},
	}
}

// save writes the block into a new folder.
func (s snippet) save(t *testing.T) (folder string) {
	t.Helper()
	needsPrograms(t, s.programs...)
	folder = t.TempDir()
	write(t, filepath.Join(folder, s.file), block(t, s.language))
	if s.language == "js" {
		module(t, folder)
	}
	return folder
}

func (s snippet) run(t *testing.T, folder, url, apiKey, order string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), s.command[0], s.command[1:]...)
	c.Dir = folder
	c.Env = append(os.Environ(), "PAYONCE_URL="+url, "PAYONCE_KEY="+apiKey, "ORDER="+order, "NO_PROXY=*", "no_proxy=*")
	output, err := c.CombinedOutput()
	return string(output), err
}

// Each snippet pays one order while its first two answers are lost, and then once more, as a program does that was started again.
func TestTheGuidesSnippetsPayOnceWhileAnswersAreLost(t *testing.T) {
	t.Parallel()
	w := open(t, map[string]string{"PROVIDER_TIMEOUT": "5s", "COMPLETION_BUDGET": "5s", "IDEMPOTENCY_LEASE": "15s"}) // a 202 of a slow machine would be printed as the result
	for _, s := range snippets() {
		t.Run(s.language, func(t *testing.T) {
			t.Parallel()
			folder := s.save(t)
			merchant, apiKey := service.Merchant(t, w.replicas[0].Options.DatabaseURL)
			shop := w.replicas[0].Client(apiKey).Of(merchant)
			order := shop.CreateOrder()
			lost := w.door.Arm(proxy.Fault{Kind: proxy.CutReply, Times: 2, Match: "Bearer " + apiKey})
			for _, want := range []string{"succeeded", s.again} {
				output, err := s.run(t, folder, w.door.URL(), apiKey, order)
				if err != nil || !strings.Contains(output, want) {
					t.Fatalf("%v\n%s\nwant %q", err, output, want)
				}
			}
			charges := 0
			for _, charge := range w.provider.Charges() {
				if charge.Metadata["merchant_id"] == merchant {
					charges++
				}
			}
			if lost.Hits() != 2 || charges != 1 {
				t.Errorf("%d answers were lost and %d charges made, want 2 and 1", lost.Hits(), charges)
			}
		})
	}
}

// module makes the JavaScript client importable by its name.
func module(t *testing.T, folder string) {
	t.Helper()
	js, err := filepath.Abs("../../client/js")
	if err == nil {
		err = os.Mkdir(filepath.Join(folder, "node_modules"), 0o700)
	}
	if err == nil {
		err = os.Symlink(js, filepath.Join(folder, "node_modules", "payonce"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// block is the guide's one block in a language.
func block(t *testing.T, language string) string {
	t.Helper()
	blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(guide(t), -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/integration.md has %d blocks in %s, want one", len(blocks), language)
	}
	return blocks[0][1]
}

func guide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/integration.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The Go snippets are code that compiles, and whose own tests run it.
func TestTheGuidesGoSnippetsAreTheCodeThatIsTested(t *testing.T) {
	t.Parallel()
	for _, it := range []struct{ language, file string }{{"go", "../../client/example_test.go"}, {"golang", "retryable/main.go"}} {
		code, err := os.ReadFile(it.file)
		if err != nil {
			t.Fatal(err)
		}
		if snippet := block(t, it.language); !strings.Contains(string(code), snippet) {
			t.Errorf("%s doesn't hold the guide's snippet:\n%s", it.file, snippet)
		}
	}
}

// What the guide says of the same key with corrected values: whichever of the two arrives first, the other does nothing.
func TestACorrectedRequestUnderTheSameKeyNeverDoubles(t *testing.T) {
	t.Parallel()
	shop := service.Start(t, service.Options{}).NewMerchant()
	const second = service.OrderBody
	for key, first := range map[string]string{"happened": `{"amount":500,"currency":"EUR"}`, "refused": `{"amount":0,"currency":"EUR"}`} {
		made := shop.Post("/v1/orders", key, first)
		corrected := shop.Post("/v1/orders", key, second)
		late := shop.Post("/v1/orders", key, first) // a copy of the first, which was on its way for long
		if made.Status == http.StatusCreated {
			service.Wants(t, "the correction of what had happened", corrected, http.StatusUnprocessableEntity, "idempotency-key-reused")
			continue
		}
		service.Wants(t, "the correction of what was refused", corrected, http.StatusCreated, "")
		if late.Status == http.StatusCreated {
			t.Errorf("the late copy: got %s, want it refused", late)
		}
	}
	var all struct{ Data []any }
	shop.Get("/v1/orders").JSON(t, &all)
	if len(all.Data) != 2 {
		t.Errorf("got %d orders, want 2", len(all.Data))
	}
}

// A request that the service refuses before it looks the key up is corrected by the Go client under the same key.
func TestTheGoClientCorrectsABodyThatWasTooLarge(t *testing.T) {
	t.Parallel()
	running := service.Start(t, service.Options{})
	_, apiKey := service.Merchant(t, running.Options.DatabaseURL)
	var keys []string
	client, err := payonce.New(running.URL(), apiKey, payonce.Options{Observe: func(a payonce.Attempt) { keys = append(keys, a.Key) }})
	if err != nil {
		t.Fatal(err)
	}
	large := payonce.CreateOrder{Amount: 1999, Currency: "EUR", Reference: strings.Repeat("x", 70_000)}
	_, err = client.CreateOrder(t.Context(), "basket-1", large)
	if problem, ok := errors.AsType[*payonce.Problem](err); !ok || problem.Code != "body-too-large" || problem.SafeNewKey {
		t.Fatalf("got %v, want body-too-large", err)
	}
	order, err := client.CreateOrder(t.Context(), "basket-1", payonce.CreateOrder{Amount: 1999, Currency: "EUR"})
	if err != nil || order.Amount != 1999 || len(keys) != 2 || keys[0] != keys[1] {
		t.Errorf("got %+v, %v under the keys %q, want the order under one key", order, err, keys)
	}
}

// The types of the JavaScript client are those that a program in TypeScript needs.
func TestTheJavaScriptClientsTypesAreChecked(t *testing.T) {
	t.Parallel()
	folder := built.node(t)
	script := filepath.Join(folder, "types.mts")
	text, err := os.ReadFile("testdata/types.mts")
	if err != nil {
		t.Fatal(err)
	}
	write(t, script, string(text))
	tsc := func() (string, error) {
		output, err := exec.CommandContext(t.Context(), "node", filepath.Join(folder, "node_modules", "typescript", "bin", "tsc"), "--noEmit", "--strict",
			"--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", script).CombinedOutput()
		return string(output), err
	}
	if output, err := tsc(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	write(t, script, string(text)+"\nconst wrong: number = (await attempt.submit({ order_id: \"x\", payment_method: \"y\" })).body.status;\n")
	if output, err := tsc(); err == nil {
		t.Errorf("a mistake is not found: nothing is checked\n%s", output)
	}
}
