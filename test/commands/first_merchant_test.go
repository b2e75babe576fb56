package commands

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// make up ends with this: the first key, and a line that pays an order.
func TestTheFirstMerchantComesWithALineThatPays(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	database := []string{"DATABASE_URL=" + s.Options.DatabaseURL}
	create := []string{"merchant", "create", "--name", "First", "--first", "--curl", s.URL() + "/"}
	out, errs, code := run(t, database, create...)
	line := regexp.MustCompile(`(?m)^  ORDER=.*$`).FindString(out)
	if code != 0 || line == "" {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	pay := func() string {
		answer, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v: %s", line, err, answer)
		}
		return string(answer)
	}
	first, again := pay(), pay()
	if !strings.Contains(first, "201 Created") || !strings.Contains(first, `"status":"succeeded"`) {
		t.Errorf("%s", first)
	}
	if !strings.Contains(again, "Idempotent-Replayed: true") || body(again) != body(first) {
		t.Errorf("%s\nbut before\n%s", again, first)
	}

	out, errs, code = run(t, database, create...)
	if code != 0 || strings.Contains(out, "sk_test_") || !strings.Contains(out, "merchant key create") {
		t.Errorf("a second time: %d %s %s", code, out, errs)
	}
	if out, _, _ = run(t, database, "merchant", "list", "--json"); strings.Count(out, `"id":"mer_`) != 1 {
		t.Errorf("%s", out)
	}
	out, _, _ = run(t, database, "merchant", "create", "--name", "Second", "--curl", "https://localhost:8443", "--curl-cacert", "ca.crt")
	if strings.Count(out, "curl -sS --cacert ca.crt") != 2 {
		t.Errorf("%s", out)
	}
}

func body(answer string) string { return answer[strings.LastIndex(answer, "\n")+1:] }
