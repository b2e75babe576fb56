// The page: clicks go to both services, and what becomes of each is shown while it happens.

import { memoryStorage } from './payonce.js';
import { Shop } from './shop.js';
import { contrast, story } from './stories.js';
import { addRow, at, clear, draw, drawScore, follow, say } from './view.js';

const retries = 8;
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const kept = { // what survives a reload of this tab
  get: () => JSON.parse(sessionStorage.getItem('purchase') ?? 'null'),
  set: (value) => sessionStorage.setItem('purchase', JSON.stringify(value)),
};
const lamp = 'lamp'; // what is bought, by which the client keeps its key

let shop;
let orders;
let stopListening = () => {};
let number = 0; // of the newest request
let first = 1; // request of this purchase
let clicks = 0;
let attempts = new Map(); // by number
let last = null; // the story that was told last
let recovered = false; // recovery has ended what a crash has left
let charges = { protected: 0, unprotected: 0 }; // in the provider's book
let begun = { protected: 0, unprotected: 0 };

// switches says how clicks are made now. The provider takes its time: some for another click to come, more for an answer to get lost.
function switches() {
  const chosen = Object.fromEntries(new FormData(at('switches')));
  return { ...chosen, method: `pm_sim_slow_${chosen.slow ? 2000 : chosen.lose ? 1500 : 400}` };
}

// attemptAt is the attempt with this number. One that is not known was sent before a reload.
function attemptAt(n) {
  if (!attempts.has(n)) {
    const attempt = { number: n, name: `Request ${n}`, key: undefined, protected: blank(), unprotected: blank() };
    addRow(attempt);
    attempts.set(n, attempt);
    number = Math.max(number, n);
    keep();
  }
  return attempts.get(n);
}

const blank = () => ({ state: 'unsent', events: [], charges: [], begun: () => {}, told: () => {} });

// told takes an event of the service's.
function told(e) {
  if (e.what === 'book') {
    charges = e.charges;
    drawScore(clicks, charges);
    repeat();
    return;
  }
  if (!e.attempt || e.attempt < first) return; // of an earlier purchase
  const attempt = attemptAt(e.attempt);
  const of = attempt[e.side];
  if (e.what === 'received') {
    attempt.key ??= e.key;
    e.again = of.events.length > 0; // a browser may send once more what broke off without an answer
    if (of.state !== 'unsent') of.state = 'sent';
  }
  of.events.push(e);
  if (e.what === 'begin' && (e.name === 'call' || e.name === 'charge')) {
    of.begun();
    of.charges.push(++begun[e.side]);
  }
  if (e.what === 'finished' && !e.recovery) of.source = e.detail;
  if (e.what === 'answered' && of.state === 'unsent') Object.assign(of, { state: 'answered', status: e.status, replayed: e.replayed, code: e.code });
  if (e.what === 'answered') of.told();
  if (e.what === 'crashed') {
    of.state = 'crashed';
    if (e.side === 'protected') report(attempt);
  }
  if (e.what === 'gone') of.state = 'lost';
  if (e.what === 'step' && e.name === 'committed' && e.recovery) {
    recovered = true;
    report({ protected: { source: 'takeover' } });
  }
  draw(attempt);
}

// send makes one request of a try, and keeps what comes of it.
async function send(attempt, where, options, fetched) {
  const of = attempt[where];
  of.state = 'sent';
  const hangUp = new AbortController();
  if (options.lose) of.begun = () => setTimeout(() => hangUp.abort(), 300); // the provider has the request by then
  const told = new Promise((resolve) => { of.told = resolve; });
  draw(attempt);
  try {
    const response = await fetched({ 'Demo-Attempt': String(attempt.number), ...(options.crash && { 'Demo-Fault': 'crash' }) }, hangUp.signal);
    await Promise.race([told, pause(1000)]); // where the answer came from is told a moment later
    const { code } = await response.clone().json();
    Object.assign(of, { state: 'answered', status: response.status, code, replayed: response.headers.get('Idempotent-Replayed') === 'true' });
    return response;
  } catch (error) {
    if (of.state !== 'crashed') of.state = hangUp.signal.aborted ? 'lost' : 'unanswered';
    throw error;
  } finally {
    draw(attempt);
  }
}

// tryOf is a try of a click. Both services share them: each is a row of the table.
function tryOf(tries, i, key) {
  if (!tries[i]) {
    tries[i] = attemptAt(++number);
    tries[i].name = `${tries[0].name}, retry`;
  }
  tries[i].key ??= key;
  return tries[i];
}

// faults are for the first try only.
const faults = (options, i) => (i ? { ...options, lose: false, crash: false } : options);

// payHere pays at payonce. When to try again, and under which key, is the client's decision.
async function payHere(tries, options, storage) {
  const purchase = orders;
  let tried = 0;
  const fetchOne = async (url, init) => {
    if (orders !== purchase) throw new Error('another purchase has begun');
    const attempt = tryOf(tries, tried, init.headers['Idempotency-Key']);
    try {
      return await send(attempt, 'protected', faults(options, tried++), (headers, signal) => fetch(url, {
        ...init, headers: { ...init.headers, ...headers }, signal: AbortSignal.any([init.signal, signal]),
      }));
    } finally {
      if (orders === purchase) report(attempt);
    }
  };
  const body = { order_id: orders.protected, payment_method: options.method };
  await shop.checkout({ name: lamp, storage, fetch: fetchOne }).submit(body).catch(() => {}); // a refusal was reported
}

// payThere pays at the shop without protection, and asks again until there is an answer.
async function payThere(tries, options) {
  const purchase = orders;
  const body = { order_id: orders.unprotected, payment_method: options.method };
  for (let tried = 0; tried < retries && orders === purchase; tried++) {
    const attempt = tryOf(tries, tried);
    const response = await send(attempt, 'unprotected', faults(options, tried), (...how) => shop.payThere(body, ...how)).catch(() => {});
    if (orders !== purchase) return;
    if (options.keys === 'none') report(attempt);
    if (response) return;
    await pause(900);
  }
}

function report(attempt) {
  last = story(attempt, recovered);
  repeat();
}

// repeat says the last story with the charges as they are now.
function repeat() {
  if (last) say(last[0], last[1] + contrast(charges));
}

// click is one click on Pay: the same at both services, but for what the switches say. The storage has the key of the purchase.
function click(name, options, storage) {
  clicks++;
  drawScore(clicks, charges);
  const tries = [attemptAt(++number)];
  tries[0].name = name;
  follow(options.keys === 'none' ? 'unprotected' : 'protected');
  last = null;
  recovered = false;
  say('wait', 'Paying…');
  if (options.keys !== 'none') payHere(tries, options, options.keys === 'each' ? memoryStorage() : storage);
  payThere(tries, options);
}

const pay = () => click(`Click ${clicks + 1}`, switches(), sessionStorage);

// payInTabs pays one order twice at once, as two open tabs do: each has a storage, and so a key, of its own.
function payInTabs() {
  for (const tab of ['Tab 1', 'Tab 2']) click(tab, switches(), memoryStorage());
}

// keep survives a reload, with the number of the newest request, so that no number is used twice.
const keep = () => kept.set({ session: shop.session, orders, clicks, number, first });

// renew puts another lamp on the counter.
async function renew(why) {
  enable(false);
  sessionStorage.removeItem(`payonce.${lamp}`);
  orders = await shop.sell();
  clicks = 0;
  attempts.clear();
  clear();
  first = number + 1;
  keep();
  charges = { protected: 0, unprotected: 0 };
  begun = { protected: 0, unprotected: 0 };
  drawScore(clicks, charges);
  last = null;
  say('', why);
  enable(true);
}

const ready = 'Click Pay. Click it again.';

function enable(on) {
  for (const button of document.querySelectorAll('.checkout button')) button.disabled = !on;
}

async function open() {
  const before = kept.get();
  if (before?.orders) { // a reload
    shop = new Shop(before.session);
    ({ orders, clicks, number, first } = before);
    listen();
    drawScore(clicks, charges);
    say('', ready);
    enable(true);
    return;
  }
  shop = await Shop.open();
  listen();
  await renew(ready);
}

function listen() {
  stopListening();
  stopListening = shop.listen(told, () => { // the service was started anew, or has forgotten this page
    sessionStorage.removeItem('purchase');
    open().catch(failed);
  });
}

// A page that is left has nothing to listen for; one that the browser brings back as it was has missed something.
addEventListener('pagehide', () => stopListening());
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

const failed = (error) => say('bad', `The shop can’t be opened: ${error.message}. Is payonce running?`);

// reset follows a switch: on a purchase that is paid already nothing would go wrong any more.
function reset() {
  if (clicks > 0) renew('A new purchase, for the new setting. Click Pay.').catch(failed);
}

at('pay').addEventListener('click', pay);
at('many').addEventListener('click', () => { for (let i = 0; i < 20; i++) pay(); });
at('tabs').addEventListener('click', payInTabs);
at('next').addEventListener('click', () => renew(ready).catch(failed));
at('switches').addEventListener('change', reset);
at('switches').addEventListener('submit', (event) => event.preventDefault());
at('flush').addEventListener('click', async () => {
  last = null;
  await shop.flush().then(() => say('wait', 'Redis has forgotten everything. Click Pay: PostgreSQL has not.'), failed);
});
open().catch(failed);
