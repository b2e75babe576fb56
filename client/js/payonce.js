// A checkout attempt: one thing that a customer wants done once, however often he clicks, reloads or loses the network.
//
// Its Idempotency-Key is kept in sessionStorage before anything is sent. Every copy of the request is sent under it, until the
// outcome is known. It changes only when the body changes or the outcome is final, and never while the outcome is unknown.
// For browsers and Node 20 or newer; it needs nothing else. A secret API key has no place in a browser: let the page send to
// your own server, which passes Idempotency-Key on.

const FINAL = new Set(["payment-declined", "idempotency-key-canceled"]); // nothing happened, and nothing will, whatever was sent
const GATEWAY_AGAIN = new Set([408, 425, 429]); // a gateway's word about itself, which passes
const ENDED = new Set(["failed", "canceled", "expired"]); // payments that took no money
const BEFORE_THE_KEY = new Set([ // refusals for which the service did not look the key up
  "unauthorized", "forbidden", "method-not-allowed", "body-too-large", "unsupported-media-type", "malformed-request",
  "idempotency-key-missing", "idempotency-key-invalid",
]);

/** A refusal. `code` is empty when it was not payonce's own (a gateway's, say). */
export class Problem extends Error {
  constructor(status, document, retryAfter = 0) {
    super([String(status), document.code, document.detail].filter(Boolean).join(" "));
    this.name = "Problem";
    this.status = status;
    this.code = typeof document.code === "string" ? document.code : "";
    this.retryable = document.retryable === true;
    this.safeNewKey = document.safe_new_key === true;
    this.document = document;
    this.retryAfter = retryAfter; // ms
  }
}

/** The outcome is not known: it may have happened, or not, or still will. The key is kept; submit the same again, or giveUp(). */
export class UnknownOutcome extends Error {
  constructor(key, attempts, cause) {
    super(`the outcome is not known after ${attempts} attempts: ${cause?.message ?? cause}`, { cause });
    this.name = "UnknownOutcome";
    this.key = key;
    this.attempts = attempts;
  }
}

/** Another body was submitted while the outcome of the one before is unknown, which is `pending`. */
export class OtherRequest extends Error {
  constructor(pending) {
    super("the outcome of an earlier request is not known yet; resume() it, or giveUp()");
    this.name = "OtherRequest";
    this.pending = pending;
  }
}

/** A Storage that ends with the page or the process. */
export function memoryStorage() {
  const values = new Map();
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, String(value)),
    removeItem: (name) => void values.delete(name),
  };
}

const defaults = { headers: {}, wait: 10, timeout: 30_000, attempts: 10, elapsed: 120_000, pause: 200, maxPause: 5_000 };
const least = { wait: 0, timeout: 1, attempts: 1, elapsed: 1, pause: 0, maxPause: 0 };
const MOST = 2 ** 31 - 1; // a timer that is longer ends at once

// What is kept under a name: the key; text, the body; open, whether its outcome may be unknown; and reached, the calls of which
// a request may have reached the key's record at the service. 0: all were refused before that, so a corrected body may have the key.
const unknown = (kept) => kept?.open === true && kept.reached !== 0;

export class CheckoutAttempt {
  #options;
  #ownFetch; // whether fetch is not the platform's
  #running = null; // {text, promise, stop} while a request is on its way
  #givingUp = null; // a promise, meanwhile

  constructor(options) {
    const given = Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined));
    this.#options = { ...defaults, ...given };
    check(this.#options);
    this.#ownFetch = this.#options.fetch != null;
    this.#options.fetch ??= (...args) => globalThis.fetch(...args);
    this.#options.storage ??= pageStorage() ?? memoryStorage();
  }

  /** The key that the present body has; null before the first submit. */
  get key() {
    return this.#load()?.key ?? null;
  }

  /** The body whose outcome is not known yet, after a reload or a 202 say; null when there is none. */
  get pending() {
    const kept = this.#load();
    return unknown(kept) ? JSON.parse(kept.text) : null;
  }

  /**
   * Sends the body until its outcome is known. Overlapping calls are one request and get one answer. Afterwards the same body
   * gets the first answer again, and does nothing again, until finish().
   */
  async submit(body, { signal } = {}) {
    const text = canonical(body);
    while (this.#givingUp) await this.#givingUp.catch(() => {}); // until then it isn't known which key is right
    if (this.#running) {
      if (this.#running.text !== text) throw new OtherRequest(JSON.parse(this.#running.text));
      return this.#running.promise;
    }
    const { stop, signal: stopped, release } = stopper(signal);
    const promise = this.#submit(text, stopped).finally(() => {
      release();
      this.#running = null;
    });
    this.#running = { text, promise, stop };
    return promise;
  }

  /** Goes on with what is pending; null when nothing is. */
  async resume({ signal } = {}) {
    while (this.#givingUp) await this.#givingUp.catch(() => {}); // or what was given up would be submitted as another purchase
    const pending = this.pending;
    return pending === null ? null : this.submit(pending, { signal });
  }

  /** Forgets the key: what is submitted next is another purchase. For after a success, when the customer has seen it. */
  finish() {
    if (this.#running || this.#givingUp || unknown(this.#load())) throw new OtherRequest(this.pending);
    this.#forget();
  }

  /**
   * Gives up on what was submitted: it won't be executed any more, or is undone. Needs the option keysUrl. A submit() that is
   * on its way ends with UnknownOutcome; one that is called meanwhile waits.
   */
  async giveUp({ signal } = {}) {
    this.#givingUp ??= this.#stopAndGiveUp(signal).finally(() => (this.#givingUp = null));
    return this.#givingUp;
  }

  /** Reads what an answer points at until the provider's word is known (202). A payment that took no money frees the key. */
  async follow(answer, { url, signal } = {}) {
    if (!url && !answer.location) throw new TypeError("the answer points at nothing; give follow() a url");
    const at = url ?? new URL(answer.location, new URL(this.#options.url, base())).href;
    const known = (it) => it.status !== "processing" && !(it.status === "pending" && it.status_reason === "outcome_unknown");
    const resource = await this.#poll(at, (it) => known(it) || it.status_reason === "needs_review", signal); // a person takes longer
    if (ENDED.has(resource.status)) this.#forget(answer.key);
    else if (known(resource)) this.#change(answer.key, () => ({ open: false }));
    return resource;
  }

  async #stopAndGiveUp(signal) {
    if (this.#load() && !this.#options.keysUrl) throw new TypeError("giving up needs the option keysUrl");
    this.#running?.stop(new Error("it is being given up"));
    await this.#running?.promise.catch(() => {}); // its caller gets the error
    return this.#giveUp(signal);
  }

  async #giveUp(signal) {
    const kept = this.#load();
    if (!kept) return null;
    const at = `${this.#options.keysUrl}/${encodeURIComponent(kept.key)}`;
    const { answer } = await this.#send({ method: "POST", url: `${at}/cancel`, key: `give-up-${kept.key}`, signal });
    if (!answer.body?.canceled_at) await this.#poll(at, (key) => key.canceled_at, signal); // 202: undone when its outcome is known
    this.#forget(kept.key);
    return answer.body;
  }

  async #submit(text, signal) {
    const differs = () => unknown(this.#load()) && this.#load().text !== text;
    checkAddress(this.#options.url, this.#ownFetch); // before a key is kept
    if (differs() && this.#options.keysUrl) await this.#giveUp(signal); // the customer wants something else now
    const { headers } = this.#options;
    const first = typeof headers === "function" ? await this.#headers() : sendable(headers); // when it throws, no key is kept
    if (differs()) throw new OtherRequest(this.pending);
    let kept = this.#load();
    if (kept && kept.text !== text && kept.reached !== 0) kept = null; // its outcome is known: this is another purchase
    kept = { key: kept?.key ?? newKey(), text, open: kept?.open ?? true, reached: (kept ? (kept.reached ?? 1) : 0) + 1 };
    this.#save(kept); // before anything is sent; after a success it stays known
    let sent;
    try {
      sent = await this.#send({ method: "POST", url: this.#options.url, key: kept.key, text, signal }, first);
    } catch (error) {
      this.#learn(kept.key, error);
      throw error;
    }
    this.#change(kept.key, ({ open }) => ({ open: open && sent.answer.status === 202 })); // 202: known only when it was followed
    return { ...sent.answer, key: kept.key };
  }

  /** What an error says about the key: it is free, or a corrected body may have it, or neither. */
  #learn(key, error) {
    if (!(error instanceof Problem)) return;
    const only = this.#load()?.reached === 1; // else another call, an earlier one or another tab's, may have got through
    if (error.safeNewKey && (FINAL.has(error.code) || (error.sure && only))) this.#forget(key);
    else if (error.first && BEFORE_THE_KEY.has(error.code)) this.#change(key, ({ reached }) => ({ reached: reached - 1 }));
  }

  /** Repeats one request under its key until its outcome is known or a bound is reached. */
  async #send(request, headers) {
    checkAddress(request.url, this.#ownFetch);
    const { attempts, elapsed, onAttempt } = this.#options;
    const end = Date.now() + elapsed;
    let sure = true; // every copy so far had an answer of the service: none is still on its way
    for (let n = 1; ; n++) {
      headers = n === 1 ? (headers ?? (await this.#headers())) : undefined; // later ones are part of an attempt that may fail
      const { answer, error } = await this.#attempt(request, end, headers);
      const seen = { ...request, number: n, status: answer?.status ?? error.status ?? 0, replayed: answer?.replayed ?? false, error };
      (async () => onAttempt?.(seen))().catch((thrown) => console.error(thrown)); // an observer's mistake changes no outcome
      if (answer) return { answer };
      if (error instanceof Problem && !again(error)) throw Object.assign(error, { sure, first: n === 1 });
      sure &&= error instanceof Problem && error.code !== "";
      const pause = this.#pause(n) + (error.retryAfter ?? 0);
      if (n >= attempts || request.signal?.aborted || Date.now() + pause > end) throw new UnknownOutcome(request.key, n, error);
      if (!(await sleep(pause, request.signal))) throw new UnknownOutcome(request.key, n, request.signal.reason);
    }
  }

  /** Sends a request once: {answer}, or {error}. */
  async #attempt({ method, url, key, text, signal }, end, headers) {
    const { fetch, wait, timeout } = this.#options;
    const { stop, signal: stopped, release } = stopper(signal);
    const timer = setTimeout(() => stop(new Error("no answer in time")), Math.max(0, Math.min(timeout, end - Date.now())));
    try {
      const response = await fetch(url, {
        method, body: text, redirect: "manual", cache: "no-store", signal: stopped,
        headers: {
          Accept: "application/json, application/problem+json",
          ...(text !== undefined && { "Content-Type": "application/json" }),
          ...(key && { "Idempotency-Key": key, Prefer: `wait=${wait}` }),
          ...(headers ?? (await this.#headers())),
        },
      });
      return await read(response);
    } catch (error) {
      return { error: error ?? new Error("no answer") };
    } finally {
      clearTimeout(timer);
      release();
    }
  }

  async #headers() {
    const { headers } = this.#options;
    return sendable(typeof headers === "function" ? await headers() : headers);
  }

  /** Reads until it is known. */
  async #poll(url, known, signal) {
    const end = Date.now() + this.#options.elapsed;
    for (let n = 1; ; n++) {
      const { answer } = await this.#send({ method: "GET", url, signal });
      if (answer.body && known(answer.body)) return answer.body;
      const pause = this.#pause(n);
      if (Date.now() + pause > end || !(await sleep(pause, signal))) throw new UnknownOutcome(undefined, n, new Error("still processing"));
    }
  }

  /** A random part of a time that doubles ("full jitter"): those who were refused together don't come back together. */
  #pause(n) {
    const { pause, maxPause } = this.#options;
    return Math.random() * Math.min(maxPause, pause * 2 ** Math.min(n - 1, 20));
  }

  get #slot() {
    return `payonce.${this.#options.name}`;
  }

  #load() {
    const text = this.#options.storage.getItem(this.#slot);
    if (!text) return null;
    try {
      const kept = JSON.parse(text);
      JSON.parse(kept.text);
      if (typeof kept.key === "string") return kept;
    } catch {
      // another program's
    }
    throw new Error(`what the storage has under ${this.#slot} is no key; look at it before you remove it: it may hide a payment`);
  }

  #save(kept) {
    this.#options.storage.setItem(this.#slot, JSON.stringify(kept));
  }

  /** Changes what is kept about a key. One that was forgotten meanwhile, here or by another object, stays forgotten. */
  #change(key, change) {
    const kept = this.#load();
    if (kept?.key === key) this.#save({ ...kept, ...change(kept) });
  }

  #forget(key = this.key) {
    if (this.key === key) this.#options.storage.removeItem(this.#slot);
  }
}

/** Throws a TypeError for options that can't be meant: found later, they would look like lost answers. */
function check(options) {
  const { name, url, fetch, wait, timeout, attempts } = options;
  if (!name || !url) throw new TypeError("a checkout attempt needs a name, for what is bought, and a url");
  for (const [option, low] of Object.entries(least)) {
    const value = options[option];
    if (typeof value !== "number" || !(value >= low && value <= MOST)) throw new TypeError(`${option} has to be a number from ${low} to ${MOST}`);
  }
  if (!Number.isInteger(wait) || !Number.isInteger(attempts)) throw new TypeError("wait and attempts have to be whole numbers");
  if (wait * 1000 >= timeout) throw new TypeError("timeout has to be longer than wait");
  if (fetch && typeof fetch !== "function") throw new TypeError("fetch has to be a function");
}

/**
 * Throws a TypeError for an address that fetch never sends to. Not when an attempt is made: on a server, which renders a page,
 * the page's own address is not known. A fetch of your own may know what an address is relative to, and other schemes.
 */
function checkAddress(url, ownFetch) {
  const at = parsed(url, base() ?? (ownFetch ? "https://localhost" : undefined));
  const fits = at && !at.username && !at.password && (ownFetch || at.protocol === "https:" || at.protocol === "http:");
  if (!fits) throw new TypeError("the url, or the keysUrl, is no address that can be sent to");
}

function parsed(url, relativeTo) {
  try {
    return new URL(url, relativeTo);
  } catch {
    return null;
  }
}

/** What an address is relative to; undefined outside of a browser. */
function base() {
  return globalThis.document?.baseURI ?? globalThis.location?.href;
}

/** A page's sessionStorage. Not Node's (25 and newer), which is one for all customers of a process, and ends with it. */
function pageStorage() {
  try {
    return globalThis.document && globalThis.sessionStorage;
  } catch {
    return undefined; // blocked by the browser's settings
  }
}

/** The headers, after a check that fetch would do when it is too late: a TypeError is not a lost answer. */
function sendable(headers) {
  new Headers(headers ?? {});
  return headers ?? {};
}

/** A signal that ends with another one, or by stop(). */
function stopper(signal) {
  const abort = new AbortController();
  const follow = () => abort.abort(signal.reason);
  signal?.addEventListener("abort", follow);
  if (signal?.aborted) follow();
  return { signal: abort.signal, stop: (reason) => abort.abort(reason), release: () => signal?.removeEventListener("abort", follow) };
}

/** Whether the same request with the same key may still get its outcome. */
function again(problem) {
  return problem.code ? problem.retryable : GATEWAY_AGAIN.has(problem.status) || problem.status >= 500;
}

/** {answer} for a success, {error} for everything else. What is no whole JSON is no answer of the service. */
async function read(response) {
  const type = (response.headers.get("Content-Type") ?? "").split(";")[0].trim().toLowerCase();
  const text = await response.text();
  const { status } = response; // 0: a redirect, which is not followed
  if (status >= 200 && status <= 299) {
    if (type !== "application/json") return { error: new Error(`a ${status} that is not the service's`) };
    const replayed = response.headers.get("Idempotent-Replayed") === "true";
    return { answer: { status, body: JSON.parse(text), replayed, location: response.headers.get("Location") } };
  }
  let document = {};
  if (type === "application/problem+json") {
    try {
      document = JSON.parse(text);
    } catch {
      // a gateway's, or cut: one without a code
    }
    if (document === null || typeof document !== "object") return { error: new Error(`a ${status} that is not the service's`) };
  }
  return { error: new Problem(status, document, retryAfter(response.headers.get("Retry-After"))) };
}

/** The header's two forms, seconds or a date, in ms. */
function retryAfter(value) {
  if (!value) return 0;
  const seconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return seconds > 0 ? seconds : 0;
}

/** Waits; false when the signal ends it. */
function sleep(ms, signal) {
  return new Promise((resolve) => {
    const done = (whole) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      resolve(whole);
    };
    const stop = () => done(false);
    const timer = setTimeout(done, ms, true);
    signal?.addEventListener("abort", stop);
    if (signal?.aborted) stop();
  });
}

/** 128 random bits. Not randomUUID, which browsers have on secure pages only. */
function newKey() {
  return Array.from(globalThis.crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** JSON with sorted members, so that the same values are the same request. */
function canonical(value) {
  const byName = ([a], [b]) => (a < b ? -1 : 1);
  const plain = (it) => it && typeof it === "object" && !Array.isArray(it);
  const sorted = (_, it) => (plain(it) ? Object.fromEntries(Object.entries(it).sort(byName)) : it);
  const text = JSON.stringify(value, sorted);
  if (text === undefined) throw new TypeError("the body is no JSON");
  return text;
}
