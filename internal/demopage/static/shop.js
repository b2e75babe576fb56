// What the page asks the service for: a session, two orders to pay, payments, and the events of its own requests.

import { CheckoutAttempt } from './payonce.js';

const base = '/demo';
const price = { amount: 4900, currency: 'EUR' };

export class Shop {
  constructor(session) {
    this.session = session;
  }

  // open makes a session. It stands in for an API key, on this page's routes only.
  static async open() {
    const response = await fetch(`${base}/sessions`, { method: 'POST' });
    return new Shop((await ok(response)).session);
  }

  // sell makes an order at each service, and lets charges be counted for them.
  async sell() {
    const [good, bad] = await Promise.all([
      this.#post('/protected/v1/orders', price, { 'Idempotency-Key': crypto.randomUUID() }).then(ok),
      this.#post('/unprotected/v1/orders', price).then(ok),
    ]);
    const orders = { protected: good.id, unprotected: bad.id };
    await this.#post('/purchase', orders).then(ok);
    return orders;
  }

  // checkout is an attempt to pay at payonce, by the client that any shop may use. Each click has an instance of its own: one
  // instance makes overlapping clicks one request, and here every click is to be seen. They share the storage, and so the key.
  checkout({ name, storage, fetch }) {
    return new CheckoutAttempt({
      name, storage, fetch, url: `${base}/protected/v1/payments`, headers: { Authorization: `Bearer ${this.session}` }, attempts: 12, pause: 900, maxPause: 1500,
    });
  }

  // payThere sends one request, without a key, to the shop without protection. It rejects when no answer comes.
  payThere(body, headers, signal) {
    return this.#post('/unprotected/v1/payments', body, headers, signal);
  }

  flush() {
    return this.#post('/redis/flush').then(ok);
  }

  // listen calls back for each event, and lost when the service doesn't know the session any more. It returns what ends it.
  listen(told, lost) {
    const events = `${base}/sessions/${this.session}/events`;
    const source = new EventSource(events);
    source.onmessage = (message) => told(JSON.parse(message.data));
    source.onerror = async () => {
      if (source.readyState !== EventSource.CLOSED) return; // it connects again by itself
      const { status } = await fetch(events, { method: 'HEAD' }).catch(() => ({}));
      if (status === 404) lost();
    };
    return () => source.close();
  }

  #post(path, body, headers = {}, signal) {
    return fetch(base + path, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.session}`, ...(body && { 'Content-Type': 'application/json' }), ...headers },
      body: body && JSON.stringify(body),
      signal,
    });
  }
}

async function ok(response) {
  if (!response.ok) throw new Error(`${response.status} from ${new URL(response.url).pathname}`);
  return response.status === 204 ? {} : response.json();
}
