// What the page says about an outcome, in a sentence or two. Screen readers hear it, too.

const money = (n) => `${n} charge${n === 1 ? '' : 's'}`;

const healed = 'Healed: the lease was over, the charge was found at the provider, and its outcome is stored now. Nothing was charged again.';

// story tells of an attempt at payonce; of the plain service where payonce wasn't asked. recovered: the service's recovery has stored
// the outcome of a crashed attempt.
export function story(attempt, recovered) {
  const of = attempt.protected;
  if (of.state === 'unsent') return plain(attempt.unprotected);
  switch (of.state) {
    case 'lost':
      return ['wait', 'The answer is lost, and the browser can’t know whether it has paid. It asks again.'];
    case 'unanswered':
      return ['wait', 'No answer has come, and the browser can’t know whether it has paid. It asks again.'];
    case 'crashed':
      return ['wait', 'payonce has crashed between charge and commit. Its claim ends with its lease, in four seconds at most; then a copy finds the charge at the provider.'];
  }
  if (of.source === 'takeover' || (recovered && of.replayed)) return ['good', healed];
  if (of.replayed) return ['good', `Replayed${from(of.source)}: the same answer once more, and the provider was not asked.`];
  if (of.status < 300) return ['good', 'Paid: charged once. Every copy of this request gets this same answer.'];
  switch (of.code) {
    case 'order-not-payable':
      return ['wait', 'Another key is another request. That this order is paid, or is being paid, catches it: refused, not charged.'];
    case 'idempotency-request-in-flight':
      return ['wait', 'A copy is still being executed: refused for now. The browser asks again.'];
    case 'rate-limited':
      return ['wait', 'Too many requests at once: refused for now.'];
  }
  return ['bad', `payonce answers ${of.status}${of.code ? `, ${of.code}` : ''}.`];
}

function from(source) {
  return { redis: ' from Redis', postgres: ' from PostgreSQL', memory: ' from the copy that was executed' }[source] ?? '';
}

function plain(of) {
  switch (of.state) {
    case 'lost':
    case 'unanswered':
      return ['bad', 'The answer is lost. The shop asks again, and nothing tells it that the charge was made.'];
    case 'crashed':
      return ['bad', 'The shop has crashed after the charge, which stands in no table. It asks again.'];
  }
  if (of.status < 300) return ['bad', 'Charged, by a shop that can’t tell a copy from a new request.'];
  return ['wait', of.code === 'order-not-payable' ? 'Refused, because the order is paid by now. A copy that comes sooner is charged.' : `The shop answers ${of.status}.`];
}

// contrast sums a purchase up.
export function contrast({ protected: held, unprotected: harm }) {
  return harm > 1 ? ` ${money(held)} with payonce, ${money(harm)} without.` : '';
}
