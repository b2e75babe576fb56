// Draws paths and the table of requests. Text only reaches the page as text.

import { lanes } from './steps.js';

// element makes an element with a class and with children, of which some may be missing.
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child != null && child !== ''));
  return made;
}

// drawLanes names the lanes of a side.
export function drawLanes(list, side) {
  list.replaceChildren(...lanes[side].map((name) => element('li', '', name)));
}

// drawSteps shows the steps of a path. A step that is there already stays as it is, so that only new ones appear.
export function drawSteps(list, side, steps) {
  const names = lanes[side];
  steps.forEach((step, i) => {
    const made = one(step, names);
    const there = list.children[i];
    if (!there) list.append(made);
    else if (there.dataset.step !== made.dataset.step) there.replaceWith(made);
  });
  while (list.children.length > steps.length) list.lastChild.remove();
}

function one({ from, to, text, kind, at }, names) {
  const note = to === null;
  const first = note ? from : Math.min(from, to);
  const li = element('li', `step ${kind}${note ? ' note' : ''}`);
  li.dataset.step = `${from} ${to} ${text} ${at}`;
  const label = element('p', 'text', element('span', '',
    element('span', 'visually-hidden', note ? `${names[from]}: ` : `${names[from]} to ${names[to]}: `),
    text, ' ', element('span', 'time', `${at} ms`)));
  label.style.gridColumn = `${note ? Math.max(1, first * 2) : first * 2 + 2} / -1`;
  li.append(label);
  if (!note) {
    const arrow = element('div', `arrow${to < from ? ' back' : ''}`);
    arrow.style.gridColumn = `${first * 2 + 2} / ${Math.max(from, to) * 2 + 2}`;
    li.append(arrow);
  }
  return li;
}

const sources = { memory: 'the same process', redis: 'Redis', postgres: 'PostgreSQL', takeover: '' };

// emptyRow is a row of the table of requests. choose is called when it is selected.
export function emptyRow(attempt, choose) {
  const name = element('button', '', attempt.name);
  name.type = 'button';
  name.addEventListener('click', choose);
  return element('tr', '', element('td', '', name), element('td'), element('td'), element('td'));
}

// drawRow shows one request at both services.
export function drawRow(row, attempt, shown) {
  const [name, key, here, there] = row.cells;
  row.className = shown ? 'shown' : '';
  name.firstChild.textContent = attempt.name;
  name.firstChild.setAttribute('aria-current', String(shown));
  key.replaceChildren(attempt.key ? element('code', '', `${attempt.key.slice(0, 8)}…`) : 'none');
  here.replaceChildren(...state(attempt.protected));
  there.replaceChildren(...stateThere(attempt.unprotected));
}

function state(of) {
  switch (of.state) {
    case 'unsent': return ['not sent'];
    case 'sent': return [element('span', 'chip wait', 'on its way')];
    case 'lost': return [element('span', 'chip bad', 'answer lost')];
    case 'unanswered':
    case 'crashed': return [element('span', 'chip bad', 'no answer')];
  }
  const good = of.status < 400;
  const badge = of.replayed && element('span', 'badge', of.source && sources[of.source] ? `replayed from ${sources[of.source]}` : 'replayed');
  const why = of.source === 'takeover' ? 'taken over, not charged again' : of.code;
  return [element('span', `chip ${good ? 'good' : 'wait'}`, String(of.status)), ' ', badge || '', why ? element('span', 'why', why) : ''];
}

// stateThere says of the shop without protection what it doesn't know itself: which charges of the order a request has made.
function stateThere(of) {
  const [chip, ...rest] = state(of);
  const again = of.charges.some((nth) => nth > 1);
  if (again && of.status < 400) chip.className = 'chip bad';
  if (of.state === 'sent' || !of.charges.length) return [chip, ...rest];
  const words = [of.charges.includes(1) && 'charged', again && 'charged again'].filter(Boolean);
  return [chip, ...rest, element('span', `why${again ? ' harm' : ''}`, words.join(', and '))];
}
