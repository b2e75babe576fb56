// From the events of one request to the steps of its path. Nothing is drawn here that was not told by the service.
//
// A step is {from, to, text, kind, at}: an arrow between two lanes, or, without to, a note in one. kind is '' for a question, 'back'
// for an answer, and good, bad or wait where it matters.

export const lanes = {
  protected: ['Browser', 'payonce', 'Redis', 'Postgres', 'Provider'],
  unprotected: ['Browser', 'Shop', 'Postgres', 'Provider'],
};

const found = {
  miss: 'unknown, and marked now',
  outcome: 'the stored answer',
  marker: 'marked by another copy',
  limited: 'too many requests',
  'no answer': 'unknown',
};

// pathOfProtected draws a request to payonce.
function pathOfProtected(events) {
  const steps = [];
  let recovery = false; // the event is of recovery, which may bring to its end what this copy waits for
  const add = (at, from, to, text, kind = '') => steps.push({ at, from, to, text, kind, recovery });
  let waiting = -1; // where the cycles of a waiting copy begin
  let cycles = 0;
  let began = false; // the claim transaction has found a new key
  let taken = false;
  for (const e of events) {
    recovery = e.recovery === true;
    switch (`${e.what} ${e.name ?? ''}`.trim()) {
      case 'received':
        add(e.at, 0, 1, `${post(e)}${e.key ? `, key ${e.key.slice(0, 8)}…` : ''}`);
        break;
      case 'begin wait':
        add(e.at, 1, null, 'a copy is being executed: wait for its outcome', 'wait');
        waiting = steps.length;
        break;
      case 'end wait':
        waiting = -1;
        break;
      case 'begin fast path lookup':
        if (waiting >= 0 && cycles++ > 0) { // only the last look is of interest
          steps.push(...steps.splice(waiting).filter((step) => step.recovery));
          waiting = steps.length;
        }
        add(e.at, 1, 2, 'is the key known? If not, mark it');
        break;
      case 'found fast path lookup':
        if (e.detail === 'not asked') {
          steps.pop(); // the question
          add(e.at, 1, null, 'Redis has known none of the last keys: it is not asked');
          break;
        }
        add(e.at, 2, 1, found[e.detail], e.detail === 'outcome' ? 'back good' : 'back');
        break;
      case 'begin claim':
        began = taken = false;
        add(e.at, 1, 3, 'is the key known? Lock it');
        break;
      case 'step begun':
        began = true;
        add(e.at, 3, 1, 'new: the key is yours', 'back');
        break;
      case 'step claimed':
        add(e.at, 1, 3, 'write claim, lease and payment; COMMIT');
        add(e.at, 3, 1, 'committed, before any money moves', 'back');
        break;
      case 'end claim':
        if (taken || (began && !e.failed)) break;
        if (began) add(e.at, 1, null, 'the order is not payable: nothing is written', 'wait');
        else if (e.failed) add(e.at, 3, 1, 'claimed by another until its lease ends', 'back wait');
        else add(e.at, 3, 1, 'the stored answer', 'back good');
        break;
      case 'step taken_over':
        taken = true;
        if (e.recovery) add(e.at, 1, null, 'the lease is over: recovery takes the claim over', 'wait');
        else add(e.at, 3, 1, 'its lease is over: the claim is yours now', 'back wait');
        break;
      case 'begin call':
        add(e.at, 1, 4, 'charge €49.00, under a key that follows from yours');
        break;
      case 'end call':
        add(e.at, 4, 1, e.failed ? 'no charge' : 'charged', 'back');
        break;
      case 'begin look up':
        add(e.at, 1, 4, 'what became of that charge?');
        break;
      case 'end look up':
        add(e.at, 4, 1, 'it was made', 'back good');
        break;
      case 'begin completion':
        add(e.at, 1, 3, 'write payment, ledger and this answer; COMMIT');
        break;
      case 'step committed':
        add(e.at, 3, 1, 'committed', 'back');
        break;
      case 'begin publication':
        add(e.at, 1, 2, 'keep the answer for copies');
        break;
      case 'answered':
        add(e.at, 1, 0, answer(e), `back ${e.status < 400 ? 'good' : 'wait'}`);
        break;
      case 'gone':
        add(e.at, 0, null, 'the browser has hung up; the payment goes on', 'wait');
        break;
      case 'crashed':
        add(e.at, 1, null, 'crash: charged, and nothing more is written', 'bad');
        break;
    }
  }
  return steps;
}

// pathOfUnprotected draws a request to the shop without protection.
function pathOfUnprotected(events) {
  const steps = [];
  const add = (at, from, to, text, kind = '') => steps.push({ at, from, to, text, kind });
  let charged = false;
  for (const e of events) {
    switch (`${e.what} ${e.name ?? ''}`.trim()) {
      case 'received':
        add(e.at, 0, 1, `${post(e)}, without a key`);
        charged = false;
        break;
      case 'begin look the order up':
        add(e.at, 1, 2, 'is the order paid?');
        break;
      case 'begin charge':
        charged = true;
        add(e.at, 2, 1, 'not yet', 'back');
        add(e.at, 1, 3, 'charge €49.00');
        break;
      case 'end charge':
        add(e.at, 3, 1, e.failed ? 'no answer was waited for' : 'charged', e.failed ? 'back bad' : 'back');
        break;
      case 'begin write the payment':
        add(e.at, 1, 2, 'write the payment; the order is paid; COMMIT');
        break;
      case 'end write the payment':
        add(e.at, 2, 1, e.failed ? 'not written' : 'committed', e.failed ? 'back bad' : 'back');
        break;
      case 'answered':
        if (!charged) add(e.at, 2, 1, 'paid', 'back');
        add(e.at, 1, 0, answer(e), 'back');
        break;
      case 'gone':
        add(e.at, 0, null, 'the browser has hung up: a charge is written nowhere', 'bad');
        break;
      case 'crashed':
        add(e.at, 1, null, 'crash: the charge is written nowhere', 'bad');
        break;
    }
  }
  return steps;
}

const post = (e) => (e.again ? 'the browser sends it again by itself' : 'POST /v1/payments');

function answer(e) {
  if (e.replayed) return `${e.status}, replayed: the same answer`;
  return e.code ? `${e.status}, ${e.code}` : `${e.status}`;
}

export function path(side, events) {
  return side === 'protected' ? pathOfProtected(events) : pathOfUnprotected(events);
}
