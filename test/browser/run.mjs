// Runs the checks of a file against a service: node run.mjs FILE URL. One line of JSON per check, on stdout.

import { chromium } from 'playwright-core';

const [, , file, base] = process.argv;
const { default: checks } = await import(`./${file}`);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

for (const [name, { check, ...options }] of Object.entries(checks)) {
  const began = Date.now();
  let failed = '';
  try {
    await alone(options, check);
  } catch (error) {
    failed = error.stack ?? String(error);
  }
  console.log(JSON.stringify({ name, failed, ms: Date.now() - began }));
}
await browser.close();

// alone gives a check a browser of its own, and fails it for what no page of ours may do.
async function alone({ width = 1280, scheme = 'light', motion = 'no-preference', expected = [] }, check) {
  const context = await browser.newContext({ baseURL: base, viewport: { width, height: 800 }, colorScheme: scheme, reducedMotion: motion });
  context.setDefaultTimeout(30_000);
  const found = [];
  const page = await context.newPage();
  page.on('pageerror', (error) => found.push(`the script failed: ${error.message}`));
  page.on('console', (message) => {
    // A browser reports each refusal and each broken connection in the console; those that a check is about are no errors.
    if (['error', 'warning'].includes(message.type()) && !expected.some((text) => message.text().includes(text))) {
      found.push(`the console says: ${message.text()}`);
    }
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== base) found.push(`a request left for ${request.url()}`);
  });
  try {
    await check(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) found.push(`the page is ${wide} px wide, in a window of ${width}`);
  } catch (error) {
    error.stack += `\nthe page showed:\n${await page.evaluate(() => document.body.innerText).catch(() => 'nothing')}`;
    throw error;
  } finally {
    await context.close();
  }
  if (found.length) throw new Error(found.join('\n'));
}
