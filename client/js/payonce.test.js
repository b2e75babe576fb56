import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckoutAttempt, OtherRequest, Problem, UnknownOutcome, memoryStorage } from "./payonce.js";

/** An answer of the service. */
const says = (status, document, headers = {}) => () =>
  new Response(JSON.stringify(document), { status, headers: { "Content-Type": status < 300 ? "application/json" : "application/problem+json", ...headers } });
const lost = () => Promise.reject(new TypeError("fetch failed"));
const html = (status) => () => new Response("<html>", { status, headers: { "Content-Type": "text/html" } });
const paid = says(201, { id: "pay_1", status: "succeeded" }, { Location: "/v1/payments/pay_1" });
const problem = (status, code, retryable, safe) => says(status, { code, retryable, safe_new_key: safe });
const declined = says(402, { code: "payment-declined", retryable: false, safe_new_key: true, decline_code: "expired_card" });
const wrong = problem(422, "validation-failed", false, true);
const away = problem(503, "unavailable", true, false);
const inFlight = problem(409, "idempotency-request-in-flight", true, false);
const tooLarge = problem(413, "body-too-large", false, false);
const unauthorized = problem(401, "unauthorized", false, false);
const gaveUp = says(200, { state: "canceled", effect: "none", canceled_at: "2026-11-23T12:00:05Z" });

const visa = { order_id: "ord_1", payment_method: "pm_card_visa" };
const master = { order_id: "ord_1", payment_method: "pm_card_mastercard" };

/** A server that answers by a script, the last answer again and again, and remembers what it got. */
function script(...answers) {
  const sent = [];
  const fetch = async (url, { method, headers, body, signal }) => {
    sent.push({ url, method, key: headers["Idempotency-Key"], prefer: headers.Prefer, body, authorization: headers.Authorization });
    signal.throwIfAborted();
    return (answers.length > 1 ? answers.shift() : answers[0])();
  };
  return { sent, fetch, then: (...next) => ((answers = next), (sent.length = 0)) };
}

function open(server, options = {}) {
  return new CheckoutAttempt({
    name: "basket-1", url: "https://shop.example/v1/payments", pause: 1, maxPause: 2, storage: memoryStorage(), fetch: server.fetch, ...options,
  });
}

for (const [name, first] of Object.entries({
  "no answer": lost, "a store that is away": away, "a copy in flight": inFlight, "a gateway without replicas": html(502), "a gateway's limit": html(429),
  "a portal's own page": html(200), "an answer that breaks off": () => new Response('{"id":', { headers: { "Content-Type": "application/json" } }),
  "another operation in flight": problem(409, "order-not-payable", true, true),
})) {
  test(`a request is repeated under its key after ${name}`, async () => {
    const server = script(first, first, paid);
    const answer = await open(server, { headers: () => ({ Authorization: "Bearer x" }) }).submit(visa);
    assert.equal(answer.body.id, "pay_1");
    assert.equal(server.sent.length, 3);
    for (const it of server.sent) assert.deepEqual(it, { ...server.sent[0], prefer: "wait=10", authorization: "Bearer x" });
    assert.match(server.sent[0].key, /^[0-9a-f]{32}$/);
  });
}

for (const [name, refusal] of Object.entries({
  "a wrong value": wrong, "a reused key": problem(422, "idempotency-key-reused", false, false), "no API key": problem(401, "unauthorized", false, false),
  "a gateway's refusal": html(403), "a redirect": html(307),
})) {
  test(`a refusal is not repeated: ${name}`, async () => {
    const server = script(refusal);
    await assert.rejects(open(server).submit(visa), Problem);
    assert.equal(server.sent.length, 1);
  });
}

test("Retry-After is waited for", async () => {
  const server = script(says(503, { code: "unavailable", retryable: true }, { "Retry-After": "1" }), paid);
  const began = Date.now();
  await open(server).submit(visa);
  assert.ok(Date.now() - began >= 1000);
});

test("a Retry-After that is too long, attempts and time bound a call", async () => {
  const tooLong = says(503, { code: "unavailable", retryable: true }, { "Retry-After": "3600" });
  await assert.rejects(open(script(tooLong)).submit(visa), UnknownOutcome);
  const server = script(lost);
  await assert.rejects(open(server, { attempts: 4 }).submit(visa), (error) => error instanceof UnknownOutcome && error.attempts === 4 && error.key === server.sent[0].key);
  assert.equal(server.sent.length, 4);
  await assert.rejects(open(script(lost), { attempts: 1e9, elapsed: 50 }).submit(visa), UnknownOutcome);
  const silent = { fetch: (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))) };
  await assert.rejects(open(silent, { wait: 0, timeout: 20, attempts: 2 }).submit(visa), UnknownOutcome);
});

test("a signal ends a call, and the key is kept", async () => {
  const abort = new AbortController();
  const server = script(() => (abort.abort(), lost()));
  const attempt = open(server);
  await assert.rejects(attempt.submit(visa, { signal: abort.signal }), UnknownOutcome);
  assert.deepEqual(attempt.pending, visa);
});

test("overlapping clicks are one request with one answer", async () => {
  let arrive;
  const server = script(() => new Promise((resolve) => (arrive = () => resolve(paid()))));
  const attempt = open(server);
  const clicks = [attempt.submit(visa), attempt.submit({ payment_method: "pm_card_visa", order_id: "ord_1" }), attempt.submit(visa)];
  await assert.rejects(attempt.submit(master), OtherRequest);
  await new Promise(setImmediate);
  arrive();
  const answers = await Promise.all(clicks);
  assert.equal(server.sent.length, 1);
  assert.ok(answers.every((it) => it === answers[0]));
});

test("a key survives a reload", async () => {
  const storage = memoryStorage();
  const server = script(lost);
  await assert.rejects(open(server, { storage, attempts: 2 }).submit(visa), UnknownOutcome);
  const { key } = server.sent[0];
  server.then(paid);
  const reloaded = open(server, { storage });
  assert.deepEqual(reloaded.pending, visa);
  assert.equal((await reloaded.resume()).body.id, "pay_1");
  assert.equal(server.sent[0].key, key);
  assert.equal(reloaded.pending, null);
  assert.equal(await open(server, { storage }).resume(), null);
});

test("a click after the success is the same purchase; after finish() it is another one", async () => {
  const server = script(paid);
  const attempt = open(server);
  await attempt.submit(visa);
  await attempt.submit(visa);
  assert.equal(server.sent[1].key, server.sent[0].key);
  attempt.finish();
  assert.equal(attempt.key, null);
  await attempt.submit(visa);
  assert.notEqual(server.sent[2].key, server.sent[0].key);
  await attempt.submit(master);
  assert.notEqual(server.sent[3].key, server.sent[2].key);
});

for (const [name, { answers, free }] of Object.entries({
  "a decline": { answers: [declined], free: true },
  "a decline, whatever was lost before": { answers: [lost, declined], free: true },
  "a refusal with safe_new_key": { answers: [wrong], free: true },
  "the same behind an answer of the service": { answers: [away, wrong], free: true },
  "the same behind a request that may still arrive": { answers: [lost, wrong], free: false },
  "the same behind a gateway's answer": { answers: [html(502), wrong], free: false },
  "a refusal without safe_new_key": { answers: [problem(422, "validation-failed", false, false)], free: false },
  "a gateway's refusal": { answers: [html(403)], free: false },
  "no answer at all": { answers: [lost], free: false },
})) {
  test(`the key ${free ? "changes" : "stays"} after ${name}`, async () => {
    const server = script(...answers);
    const attempt = open(server, { attempts: 3 });
    await assert.rejects(attempt.submit(visa));
    const { key } = server.sent[0];
    server.then(paid);
    if (free) {
      await attempt.submit(master);
      assert.notEqual(server.sent[0].key, key);
      return;
    }
    await assert.rejects(attempt.submit(master), OtherRequest);
    assert.throws(() => attempt.finish(), OtherRequest);
    assert.equal(server.sent.length, 0);
    await attempt.submit(visa);
    assert.equal(server.sent[0].key, key);
  });
}

test("a refusal after a reload doesn't free the key: what was sent before may still arrive", async () => {
  const storage = memoryStorage();
  const server = script(lost);
  await assert.rejects(open(server, { storage, attempts: 1 }).submit(visa), UnknownOutcome);
  server.then(wrong);
  const reloaded = open(server, { storage });
  await assert.rejects(reloaded.resume(), Problem);
  await assert.rejects(reloaded.submit(master), OtherRequest);
});

test("a body that changes while the outcome is unknown gives up on the one before first", async () => {
  const server = script(lost);
  const attempt = open(server, { attempts: 1, keysUrl: "https://shop.example/v1/idempotency-keys" });
  await assert.rejects(attempt.submit(visa), UnknownOutcome);
  const { key } = server.sent[0];
  server.then(lost);
  await assert.rejects(attempt.submit(master), UnknownOutcome); // giving up had no answer: nothing new is sent
  assert.equal(server.sent[0].url, `https://shop.example/v1/idempotency-keys/${key}/cancel`);
  server.then(gaveUp, paid);
  await attempt.submit(master);
  assert.equal(server.sent[0].key, `give-up-${key}`);
  assert.notEqual(server.sent[1].key, key);
});

test("giving up waits until what was done is undone", async () => {
  const server = script(paid);
  const attempt = open(server, { keysUrl: "https://shop.example/v1/idempotency-keys" });
  assert.equal(await attempt.giveUp(), null);
  await attempt.submit(visa);
  const key = attempt.key;
  server.then(says(202, { effect: "pending", canceled_at: null }), says(200, { canceled_at: null }), says(200, { canceled_at: "2026-11-23T12:00:05Z" }));
  assert.equal((await attempt.giveUp()).effect, "pending");
  assert.deepEqual(server.sent.map((it) => it.method), ["POST", "GET", "GET"]);
  assert.equal(server.sent[1].url, `https://shop.example/v1/idempotency-keys/${key}`);
  assert.equal(attempt.key, null);
});

test("a 202 is followed; a payment that took no money frees the key", async () => {
  const processing = (status) => says(status, { id: "pay_1", status: "processing" }, { Location: "/v1/payments/pay_1" });
  const server = script(processing(202), processing(200), says(200, { id: "pay_1", status: "failed" }));
  const attempt = open(server);
  const answer = await attempt.submit(visa);
  assert.equal(answer.status, 202);
  assert.deepEqual(attempt.pending, visa);
  await assert.rejects(attempt.submit(master), OtherRequest); // its outcome is not known
  assert.throws(() => attempt.finish(), OtherRequest);
  assert.equal((await attempt.follow(answer)).status, "failed");
  assert.equal(server.sent[1].url, "https://shop.example/v1/payments/pay_1");
  assert.equal(server.sent[1].key, undefined);
  assert.equal(attempt.key, null);
  await assert.rejects(attempt.follow({ ...answer, location: null }), TypeError);
  for (const [end, pending] of [[{ status: "succeeded" }, null], [{ status: "processing", status_reason: "needs_review" }, visa]]) {
    server.then(processing(202), says(200, end));
    const other = open(server);
    await other.follow(await other.submit(visa));
    assert.deepEqual(other.pending, pending);
    assert.equal(other.key, server.sent[0].key);
  }
  server.then(processing(200));
  await assert.rejects(open(server, { elapsed: 20 }).follow(answer), UnknownOutcome);
});

/** An answer that comes when the test lets it, also to a request that was aborted. */
function late(answer) {
  let come;
  const arrived = new Promise((resolve) => (come = resolve));
  return { come, answer: () => arrived.then(answer) };
}
const ended = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
const tick = () => new Promise(setImmediate);
const keysUrl = "https://shop.example/v1/idempotency-keys";

test("giving up ends a submit that is on its way, and its late answer doesn't bring the key back", async () => {
  for (const heeds of [true, false]) { // whether fetch ends with its signal
    const { come, answer } = late(paid);
    const server = script(answer);
    const fetch = (url, init) => (heeds ? Promise.race([server.fetch(url, init), ended(init.signal)]) : server.fetch(url, init));
    const attempt = open({ fetch }, { keysUrl });
    const click = attempt.submit(visa).catch((error) => error);
    await tick();
    const [{ key }] = server.sent;
    server.then(says(200, { effect: "refunded", canceled_at: "2026-11-23T12:00:05Z" }), paid);
    const givingUp = attempt.giveUp();
    if (!heeds) come(); // its outcome becomes known before the key is given up
    assert.equal((await givingUp).effect, "refunded");
    come();
    if (heeds) assert.ok((await click) instanceof UnknownOutcome);
    await tick();
    assert.equal(attempt.key, null);
    await attempt.submit(visa);
    assert.equal(server.sent[0].key, `give-up-${key}`);
    assert.notEqual(server.sent[1].key, key);
  }
});

test("what is being given up is not resumed", async () => {
  const { come, answer } = late(gaveUp);
  const server = script(lost);
  const attempt = open(server, { keysUrl, attempts: 1 });
  await assert.rejects(attempt.submit(visa), UnknownOutcome);
  server.then(answer, paid);
  const givingUp = attempt.giveUp();
  const resumed = attempt.resume();
  come();
  await givingUp;
  assert.equal(await resumed, null);
  assert.equal(server.sent.length, 1);
});

test("a submit waits until giving up has ended, and is another purchase then", async () => {
  const { come, answer } = late(gaveUp);
  const server = script(paid);
  const attempt = open(server, { keysUrl });
  await attempt.submit(visa);
  const [{ key }] = server.sent;
  server.then(answer, paid);
  const givingUp = [attempt.giveUp(), attempt.giveUp()]; // a double click, too
  const clicks = [attempt.submit(visa), attempt.submit(visa)];
  assert.throws(() => attempt.finish(), OtherRequest);
  await tick();
  assert.equal(server.sent.length, 1);
  come();
  await Promise.all([...givingUp, ...clicks]);
  assert.deepEqual(server.sent.map((it) => it.key === key), [false, false]);
  assert.equal(server.sent.length, 2);
});

for (const [name, forget] of Object.entries({
  "finished with": async (other) => (await other.submit(visa), other.finish()),
  "gave up": (other) => other.giveUp(),
})) {
  for (const [what, answer] of Object.entries({ "a success": paid, "a refusal": tooLarge })) {
    test(`a key that another object over the storage ${name} stays forgotten when ${what} comes late`, async () => {
      const storage = memoryStorage();
      const { come, answer: slow } = late(answer);
      const server = script(slow);
      const attempt = open(server, { storage, keysUrl });
      const click = attempt.submit(visa).catch(() => {});
      await tick();
      server.then(says(200, { id: "pay_1", status: "succeeded", canceled_at: "2026-11-23T12:00:05Z" }));
      const other = open(server, { storage, keysUrl });
      await forget(other);
      come();
      await click;
      assert.equal(attempt.key, null);
      assert.equal(other.key, null);
    });
  }
}

for (const [code, status] of Object.entries({
  unauthorized: 401, forbidden: 403, "method-not-allowed": 405, "body-too-large": 413, "unsupported-media-type": 415, "malformed-request": 400,
  "idempotency-key-missing": 400, "idempotency-key-invalid": 400,
})) {
  test(`a corrected body has the same key after ${status} ${code}, also after a reload`, async () => {
    const storage = memoryStorage();
    const server = script(problem(status, code, false, false));
    await assert.rejects(open(server, { storage, keysUrl }).submit(visa), Problem);
    const reloaded = open(server, { storage, keysUrl });
    assert.equal(reloaded.pending, null); // it is known that nothing happened
    server.then(says(503, { code: "unavailable", retryable: true }), paid);
    await reloaded.submit(master);
    const [first, second] = server.sent; // and nothing was given up
    assert.deepEqual([first.key, second.key], [reloaded.key, reloaded.key]);
    assert.equal(second.body, JSON.stringify({ order_id: "ord_1", payment_method: "pm_card_mastercard" }));
  });
}

test("after a refusal before the key was looked up the next answers count as the first", async () => {
  const server = script(tooLarge);
  const attempt = open(server);
  await assert.rejects(attempt.submit(visa), Problem);
  const { key } = server.sent[0];
  server.then(unauthorized);
  await assert.rejects(attempt.submit(master), Problem);
  assert.equal(server.sent[0].key, key);
  server.then(wrong);
  await assert.rejects(attempt.submit(master), Problem); // the only request that was looked at: its word is enough
  assert.equal(server.sent[0].key, key);
  assert.equal(attempt.key, null);
  server.then(unauthorized);
  await assert.rejects(attempt.submit(visa), Problem);
  attempt.finish(); // the customer left
  assert.equal(attempt.key, null);
});

for (const [name, earlier] of Object.entries({ "a lost one": lost, "one that a gateway answered": html(502), "one that may go on": away })) {
  test(`another body is refused after 413 when an earlier request was ${name}`, async () => {
    const server = script(earlier, tooLarge);
    const attempt = open(server);
    await assert.rejects(attempt.submit(visa), Problem);
    await assert.rejects(attempt.submit(master), OtherRequest);
    server.then(tooLarge);
    await assert.rejects(attempt.submit(visa), Problem); // of the earlier call nothing new is known
    await assert.rejects(attempt.submit(master), OtherRequest);
    assert.deepEqual(attempt.pending, visa);
  });
}

test("another body is refused while another object's request is on its way", async () => {
  const storage = memoryStorage();
  const { come, answer } = late(paid);
  const server = script(answer);
  const click = open(server, { storage }).submit(visa);
  await tick();
  const other = open(server, { storage });
  for (const refusal of [unauthorized, wrong]) {
    server.then(refusal);
    await assert.rejects(other.submit(visa), Problem);
    await assert.rejects(other.submit(master), OtherRequest);
  }
  come();
  await click;
  assert.equal(other.pending, null);
});

test("nothing is sent when the key can't be kept", async () => {
  const server = script(paid);
  const full = { ...memoryStorage(), setItem: () => { throw new Error("quota"); } };
  await assert.rejects(open(server, { storage: full }).submit(visa), /quota/);
  assert.equal(server.sent.length, 0);
});

test("what can't be meant is refused", async () => {
  const server = script(paid);
  assert.throws(() => new CheckoutAttempt(), TypeError);
  assert.throws(() => new CheckoutAttempt({ url: "https://shop.example/pay" }), TypeError);
  assert.throws(() => new CheckoutAttempt({ name: "basket-1" }), TypeError);
  for (const wrong of [
    { wait: 30 }, { wait: -1 }, { wait: 2.5 }, { wait: "10" }, { wait: NaN }, { attempts: 0 }, { attempts: Infinity }, { timeout: 2 ** 31 }, { pause: -1 },
    { fetch: {} },
  ]) {
    assert.throws(() => open(server, wrong), TypeError, JSON.stringify(wrong));
  }
  for (const body of [undefined, 1n, { amount: 1n }, () => {}]) await assert.rejects(open(server).submit(body), TypeError);
  assert.equal(server.sent.length, 0);
});

test("a wrong address is no lost answer: nothing is sent, and no key is kept", async () => {
  for (const wrong of [
    { url: "https://" }, { url: "https://user:password@shop.example/" }, { fetch: undefined, url: "ftp://shop.example/pay" },
    { fetch: undefined, url: "/pay" }, // there is no page that it is relative to
  ]) {
    const server = script(paid);
    const attempt = open(server, wrong);
    await assert.rejects(attempt.submit(visa), TypeError, JSON.stringify(wrong));
    assert.equal(server.sent.length, 0);
    assert.equal(attempt.key, null);
  }
  const server = script(paid);
  const attempt = open(server, { url: "/pay", keysUrl: "https://[" }); // a fetch of one's own may know what /pay is
  await attempt.submit(visa);
  await assert.rejects(attempt.giveUp(), TypeError);
  assert.equal(server.sent.length, 1);
});

test("an option that is undefined has its default", async (t) => {
  const server = script(paid);
  const options = Object.fromEntries(["wait", "timeout", "attempts", "elapsed", "headers", "onAttempt", "keysUrl", "storage"].map((name) => [name, undefined]));
  await open(server, options).submit(visa);
  assert.equal(server.sent[0].prefer, "wait=10");
  t.mock.method(globalThis, "fetch", server.fetch);
  await open(server, { fetch: undefined }).submit(visa);
  assert.equal(server.sent.length, 2);
});

for (const [name, headers] of Object.entries({
  "that throw": () => { throw new TypeError("no session"); }, "whose promise is rejected": () => Promise.reject(new TypeError("no session")),
  "that can't be sent": { Authorization: "Bearer a\nb" },
})) {
  test(`headers ${name} are no lost answer: nothing is sent, and no key is kept`, async () => {
    const server = script(paid);
    const attempt = open(server, { headers });
    await assert.rejects(attempt.submit(visa), TypeError);
    assert.equal(server.sent.length, 0);
    assert.equal(attempt.key, null);
  });
}

test("headers that fail for a later copy are tried again", async () => {
  const server = script(lost, paid);
  let calls = 0;
  const headers = () => (++calls === 2 ? Promise.reject(new Error("no token now")) : {});
  await open(server, { headers }).submit(visa);
  assert.deepEqual([calls, server.sent.length], [3, 2]);
});

test("an observer that fails changes no outcome", async (t) => {
  const logged = t.mock.method(console, "error", () => {});
  for (const onAttempt of [() => { throw new Error("observer"); }, () => Promise.reject(new Error("observer"))]) {
    const attempt = open(script(paid), { onAttempt });
    assert.equal((await attempt.submit(visa)).status, 201);
    assert.equal(attempt.pending, null);
  }
  await tick();
  assert.deepEqual(logged.mock.calls.map((it) => it.arguments[0].message), ["observer", "observer"]);
});

test("what is no key in the storage is said, and nothing is sent", async () => {
  for (const text of ["{", "null", "7", "{}", '{"key":"k"}', '{"key":7,"text":"{}"}', '{"key":"k","text":"{"}']) {
    const storage = memoryStorage();
    storage.setItem("payonce.basket-1", text);
    const server = script(paid);
    await assert.rejects(open(server, { storage }).submit(visa), /payonce\.basket-1 is no key/, text);
    assert.equal(server.sent.length, 0);
    storage.removeItem("payonce.basket-1");
    await open(server, { storage }).submit(visa);
  }
});

test("a problem document that is no object is a lost answer", async () => {
  for (const document of [null, 7, "no"]) {
    const server = script(says(422, document), paid);
    const seen = [];
    await open(server, { onAttempt: ({ error }) => seen.push(error?.message) }).submit(visa);
    assert.deepEqual(seen, ["a 422 that is not the service's", undefined]);
  }
});

test("keys are in a page's sessionStorage; where it is blocked, or there is no page, in memory", async (t) => {
  const { sessionStorage, document } = Object.getOwnPropertyDescriptors(globalThis);
  const put = (name, value) => (value ? Object.defineProperty(globalThis, name, { configurable: true, ...value }) : delete globalThis[name]);
  t.after(() => (put("sessionStorage", sessionStorage), put("document", document)));
  const storage = memoryStorage();
  const bought = async () => {
    const attempt = open(script(paid), { storage: undefined });
    await attempt.submit(visa);
    assert.notEqual(attempt.key, null);
    return storage.getItem("payonce.basket-1") ?? "";
  };
  put("sessionStorage", { value: storage });
  assert.equal(await bought(), ""); // Node 25 has one, without a page
  put("document", { value: { baseURI: "https://shop.example/" } });
  assert.match(await bought(), /"key"/);
  put("sessionStorage", { get: () => { throw new DOMException("blocked", "SecurityError"); } });
  storage.removeItem("payonce.basket-1");
  assert.equal(await bought(), "");
});
