// What is drawn: the attempt that is shown, its path, the table, the counters, and the sentence below the button.

import { drawLanes, drawRow, drawSteps, emptyRow } from './draw.js';
import { path } from './steps.js';

export const at = (id) => document.getElementById(id);

const changed = new Set(); // attempts to be drawn with the next frame
let shown = null; // the attempt whose path is drawn
let pinned = false; // it was chosen, so a newer one doesn't take its place
let side = 'protected';

// draw follows an attempt: the newest one is shown, unless another one was chosen.
export function draw(attempt) {
  const newer = !shown || attempt.number > shown.number;
  if (newer && !pinned && attempt[side].state !== 'unsent') show(attempt);
  mark(attempt);
}

// mark has an attempt drawn with the next frame: twenty clicks tell a thousand events.
function mark(attempt) {
  if (changed.size === 0) requestAnimationFrame(drawChanged);
  changed.add(attempt);
}

function drawChanged() {
  for (const attempt of changed) drawRow(attempt.row, attempt, attempt === shown);
  changed.clear();
  at('none').hidden = at('rows').children.length > 0;
  drawPath();
}

function show(attempt) {
  if (shown) mark(shown);
  shown = attempt;
  mark(attempt);
}

// addRow gives an attempt its row of the table.
export function addRow(attempt) {
  attempt.row = emptyRow(attempt, () => {
    pinned = true;
    show(attempt);
  });
  at('rows').append(attempt.row);
}

// follow shows what comes next on one side.
export function follow(next) {
  pinned = false;
  choose(next);
}

// clear empties everything that was of one purchase.
export function clear() {
  changed.clear();
  shown = null;
  pinned = false;
  at('rows').replaceChildren();
  at('none').hidden = false;
  at('steps').replaceChildren();
  at('empty').textContent = 'Click Pay, twice if you like. What your request really does is drawn here while it runs.';
  drawPath();
}

function drawPath() {
  const events = shown?.[side].events ?? [];
  at('path').textContent = shown ? `The path of ${shown.name.toLowerCase()}` : 'The path of a request';
  at('lanes').hidden = events.length === 0;
  at('empty').hidden = events.length > 0;
  if (shown && !events.length) at('empty').textContent = 'This request was not sent there.';
  drawSteps(at('steps'), side, path(side, events));
}

function choose(next) {
  side = next;
  for (const button of document.querySelectorAll('[data-side]')) button.setAttribute('aria-pressed', String(button.dataset.side === side));
  for (const list of [at('lanes'), at('steps')]) list.classList.toggle('four', side === 'unprotected');
  at('steps').replaceChildren();
  drawLanes(at('lanes'), side);
}

export function say(kind, text) {
  at('said').className = `said ${kind}`;
  at('said').textContent = text;
}

// drawScore shows the counters.
export function drawScore(clicks, charges) {
  at('clicks').textContent = clicks;
  at('charged').textContent = charges.protected;
  at('harmed').textContent = charges.unprotected;
  at('charged').parentElement.classList.toggle('held', charges.protected === 1);
  at('charged').parentElement.classList.toggle('broken', charges.protected > 1);
  at('harmed').parentElement.classList.toggle('broken', charges.unprotected > 1);
}

for (const button of document.querySelectorAll('[data-side]')) {
  button.addEventListener('click', () => {
    choose(button.dataset.side);
    drawPath();
  });
}
choose(side);
drawPath();
