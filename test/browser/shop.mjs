// The demo page as checks handle it.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

// open shows the page and waits until the shop is open.
export async function open(page) {
  await page.goto('/demo');
  await page.locator('#pay:enabled').waitFor();
}

// see waits until an element shows the text.
export async function see(page, selector, text) {
  await page.locator(selector).filter({ hasText: text }).first().waitFor();
}

// score waits until the three counters show these numbers, and for a while longer that no more charges follow.
export async function score(page, clicks, charged, harmed) {
  const numbers = () => page.locator('.score dd').allInnerTexts();
  const want = [clicks, charged, harmed].map(String);
  await page.waitForFunction((want) => [...document.querySelectorAll('.score dd')].every((dd, i) => dd.textContent === want[i]), want)
    .catch(async () => assert.deepEqual(await numbers(), want));
}

// settled waits until nothing is on its way any more.
export async function settled(page, rows) {
  await page.waitForFunction((rows) => {
    const all = [...document.querySelectorAll('#rows tr')];
    return all.length >= rows && !all.some((row) => row.innerText.includes('on its way'));
  }, rows);
  return page.locator('#rows tr').evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.innerText.replace(/\s+/g, ' ').trim())));
}

// steps are the texts of the path that is drawn, without times. A Redis that is too busy to take a mark is as good.
export const steps = (page) => page.locator('#steps li .text').evaluateAll((all) => all.map(
  (p) => p.textContent.replace(/ \d+ ms$/, '').replace('unknown, and marked now', 'unknown')));

// accessible fails for what axe-core finds, in any of its rules.
export async function accessible(page) {
  await page.evaluate(await (await import('node:fs/promises')).readFile(axe, 'utf8'));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`), []);
}
