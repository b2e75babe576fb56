package main

// inFlight sends three copies that overlap. Postman sends one request at a time, so a script sends them.
func inFlight() flow {
	later := newPayment("Send three copies at once, then a fourth", "charged", "slow_order_id", "slow_key", "slow_payment_id")
	later.body["payment_method"] = slow
	later.wait, later.replayed, later.before = 10, true, copies
	return flow{
		name: "In flight",
		description: "The provider takes three seconds for the first copy. Meanwhile a second one is refused with 409, and a third one, with Prefer: wait, waits for the outcome. " +
			"A script before the request sends these three; the request itself is a fourth copy.",
		requests: []request{
			newOrder("slow_order_id"), later,
			{
				name: "List the order's payments: there is one", operation: "listPayments", query: map[string]string{"order_id": "{{slow_order_id}}"},
				want: members{"data.length": 1, "data[0].id": "{{slow_payment_id}}", "data[0].status": "succeeded"},
			},
		},
	}
}

// slow is a payment method for which the provider takes 3 s: long enough to send two more requests meanwhile, on a busy machine, too.
const slow = "pm_sim_slow_3000"

// copies is the script that sends them. The second and the third are sent when the key is known to be in progress.
var copies = []string{
	`const headers = { "Authorization": "Bearer " + pm.variables.get("api_key") };`,
	`const path = pm.variables.get("base_url") + "/v1/";`,
	`function pay(prefer, check) {`,
	`  const header = { ...headers, ...prefer, "Content-Type": "application/json", "Idempotency-Key": pm.variables.get("slow_key") };`,
	`  const raw = JSON.stringify({ order_id: pm.variables.get("slow_order_id"), payment_method: "` + slow + `" });`,
	`  pm.sendRequest({ url: path + "payments", method: "POST", header, body: { mode: "raw", raw } }, check);`,
	`}`,
	``,
	`pay({}, (error, first) => pm.test("the first copy pays", () => {`,
	`  pm.expect(error).to.equal(null);`,
	`  pm.expect(first.code).to.eql(201);`,
	`  pm.expect(first.headers.has("Idempotent-Replayed")).to.equal(false);`,
	`  pm.collectionVariables.set("slow_answer", first.text());`,
	`}));`,
	``,
	`function whileItIsInFlight() {`,
	`  pay({}, (error, second) => pm.test("the second copy is refused with 409", () => {`,
	`    pm.expect(error).to.equal(null);`,
	`    pm.expect(second.code).to.eql(409);`,
	`    pm.expect(second.json()).to.include({ code: "idempotency-request-in-flight", retryable: true, safe_new_key: false });`,
	`    pm.expect(Number(second.headers.get("Retry-After"))).to.be.at.least(1);`,
	`  }));`,
	`  pay({ "Prefer": "wait=10" }, (error, third) => pm.test("the third copy waits, and gets the first one's answer", () => {`,
	`    pm.expect(error).to.equal(null);`,
	`    pm.expect(third.code).to.eql(201);`,
	`    pm.expect(third.headers.get("Idempotent-Replayed")).to.eql("true");`,
	`    pm.expect(third.headers.get("Preference-Applied")).to.eql("wait=10");`,
	`  }));`,
	`}`,
	``,
	`let tries = 0;`,
	`function look() {`,
	`  pm.sendRequest({ url: path + "idempotency-keys/" + pm.variables.get("slow_key"), header: headers }, (error, found) => {`,
	`    if (!error && found.code === 200) whileItIsInFlight();`,
	`    else if (++tries < 100) setTimeout(look, 50);`,
	`    else pm.test("the first copy is in flight", () => { throw new Error("it was not seen"); });`,
	`  });`,
	`}`,
	`look();`,
}
