package check_test

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

// charge adds a charge to the provider's charges, like its first one but for a change.
func charge(name string, rule check.Rule, change func(*check.Charge)) violation {
	return violation{name, rule, func(s spoiled) {
		added := s.in.Charges[0]
		added.ID, added.IdempotencyKey = "pi_added", "added"
		added.Metadata = map[string]string{}
		for name, value := range s.in.Charges[0].Metadata {
			added.Metadata[name] = value
		}
		change(&added)
		s.in.Charges = append(s.in.Charges, added)
	}}
}

// cached changes what is in Redis, and puts it back at the end.
func cached(name string, rule check.Rule, change func(s spoiled, name, other string)) violation {
	return violation{name, rule, func(s spoiled) {
		s.t.Helper()
		var names []string
		for _, name := range s.redis.Keys(s.t.Context(), "idem:*").Val() {
			value := s.redis.Get(s.t.Context(), name).Val()
			s.t.Cleanup(func() { s.redis.Set(s.t.Context(), name, value, 0) })
			names = append(names, name)
		}
		if len(names) < 2 {
			s.t.Fatal("too little is cached")
		}
		change(s, names[0], names[1])
	}}
}

func logged(name string, rule check.Rule, text string) violation {
	return violation{name, rule, func(s spoiled) {
		path := filepath.Join(s.t.TempDir(), "log")
		if err := os.WriteFile(path, []byte("a line\n"+text), 0o600); err != nil {
			s.t.Fatal(err)
		}
		s.in.Logs = append(s.in.Logs, path)
	}}
}

func outsideCases() []violation {
	return []violation{
		charge("two charges under one provider key", check.OneCharge, func(c *check.Charge) { c.IdempotencyKey = "twice"; c.Metadata["payment_id"] = "" }).twice(),
		charge("two charges of one payment", check.OneCharge, func(*check.Charge) {}),
		charge("a charge of no payment", check.ChargeHasPayment, func(c *check.Charge) { c.Metadata["payment_id"] = "pay_00000000000000000000000000" }),
		charge("a charge that names nothing", check.ChargeHasPayment, func(c *check.Charge) { c.Metadata = nil }),
		charge("a charge under another merchant's name", check.OwnData, func(c *check.Charge) { c.Metadata["merchant_id"] = "mer_00000000000000000000000000" }),
		charge("a charge of other money", check.ChargeAmount, func(c *check.Charge) { c.Amount++ }),
		{"a charge that was captured in part only", check.ChargeMovements, func(s spoiled) { s.in.Charges[0].AmountCaptured-- }},
		{"a charge that the provider lost", check.PaymentHasCharge, func(s spoiled) { s.in.Charges = s.in.Charges[1:] }},
		cached("a genuine value under another name", check.CacheIsOwn, func(s spoiled, name, other string) {
			s.redis.Set(s.t.Context(), name, s.redis.Get(s.t.Context(), other).Val(), 0)
		}),
		logged("an API key in a log", check.LogsKeepSecrets, "authorization: Bearer sk_test_"+strings.Repeat("a", 20)+"_secret\n"),
		logged("a secret in a log without an end", check.LogsKeepSecrets, `{"key":"`+service.SecretKey+`"`),
		logged("a crash", check.LogsHaveNoCrashes, "panic: runtime error\n"),
		logged("a data race", check.LogsHaveNoCrashes, "WARNING: DATA RACE\n"),
	}
}

// twice breaks the rule by doing it two times.
func (v violation) twice() violation {
	once := v.spoil
	v.spoil = func(s spoiled) { once(s); once(s) }
	return v
}
