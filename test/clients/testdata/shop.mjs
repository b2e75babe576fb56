// Makes purchases with the JavaScript client, and prints each request as a line of JSON. Now and then the page is reloaded: what
// runs is aborted, and a new attempt goes on with what is in the storage.
import { CheckoutAttempt, UnknownOutcome, memoryStorage } from "../../../client/js/payonce.js";

const { base, apiKey, purchases, workers } = JSON.parse(process.argv[2]);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function recorded(url, init) {
  const line = { method: init.method, path: url.slice(base.length), key: init.headers["Idempotency-Key"] ?? "", request: init.body ?? "", sent: Date.now() * 1000 };
  try {
    const response = await fetch(url, init);
    const text = await response.text();
    const { status, headers } = response;
    print({ ...line, answered: Date.now() * 1000 + 999, status, headers: Object.fromEntries(headers), body: text });
    return new Response(text, { status, headers });
  } catch (error) {
    print({ ...line, answered: Date.now() * 1000 + 999, error: String(error?.cause ?? error) });
    throw error;
  }
}

async function once(storage, name, path, body) {
  for (let reloads = 0; ; reloads++) {
    const attempt = new CheckoutAttempt({
      name, url: base + path, headers: { Authorization: `Bearer ${apiKey}` }, storage, fetch: recorded,
      wait: 1, timeout: 3000, attempts: 1000, elapsed: 60_000, pause: 20, maxPause: 300,
    });
    const page = new AbortController();
    const reload = Math.random() < 0.25 && setTimeout(() => page.abort(new Error("reloaded")), 60 * Math.random());
    try {
      const { signal } = page;
      const clicks = await Promise.all([attempt.submit(body, { signal }), attempt.submit(body, { signal })]); // a double click
      const resource = path === "/v1/payments" ? await attempt.follow(clicks[0], { signal }) : clicks[0].body;
      return { resource, reloads };
    } catch (error) {
      if (!(error instanceof UnknownOutcome) || !page.signal.aborted) throw error;
    } finally {
      clearTimeout(reload);
    }
  }
}

async function buy(n) {
  const storage = memoryStorage();
  const order = await once(storage, `order-${n}`, "/v1/orders", { amount: 1999, currency: "EUR", metadata: { purchase: `javascript-${n}` } });
  const payment = await once(storage, `payment-${n}`, "/v1/payments", { order_id: order.resource.id, payment_method: "pm_card_visa" });
  if (payment.resource.status !== "succeeded") throw new Error(`the payment is ${payment.resource.status} (${payment.resource.status_reason})`);
  print({ bought: n, reloads: order.reloads + payment.reloads });
}

let next = 1;
await Promise.all(
  Array.from({ length: workers }, async () => {
    while (next <= purchases) {
      const n = next++;
      await buy(n).catch((error) => print({ failed: n, why: String(error?.stack ?? error) }));
    }
  }),
);
