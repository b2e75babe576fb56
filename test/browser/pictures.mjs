// Makes the pictures in docs/images: node pictures.mjs screenshots|recording URL PROGRAM. main.go in pictures/ starts the service.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { film, terminal } from './film.mjs';
import { open, see, settled } from './shop.mjs';

const [, , what, base, program] = process.argv;
const folder = new URL('../../docs/images/', import.meta.url);

await { screenshots, recording }[what]();

async function withPage(options, work) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  try {
    const context = await browser.newContext({ baseURL: base, ...options });
    return await work(await context.newPage());
  } finally {
    await browser.close();
  }
}

async function screenshots() {
  for (const width of [1280, 375]) {
    for (const colorScheme of ['light', 'dark']) {
      await withPage({ viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' }, async (page) => {
        const shoot = (name) => page.screenshot({ path: new URL(`${name}-${width}-${colorScheme}.png`, folder).pathname, fullPage: true });
        await page.goto('/');
        await shoot('start');
        await open(page);
        await page.dblclick('#pay');
        await settled(page, 2);
        await see(page, '#said', '2 charges without');
        await page.mouse.move(0, 0);
        await page.click('#rows tr:has-text("replayed") button');
        await page.evaluate(() => document.activeElement.blur());
        await shoot('demo');
      });
    }
  }
}

async function recording() {
  const { frames, size } = await withPage({ viewport: { width: 1060, height: 1180 }, colorScheme: 'light' }, record);
  await keep('demo-page.svg', film(frames, size, 'The demo page: two clicks and a crash, each charged once', 1.5e6));
  await keep('demo-terminal.svg', terminal(await play(), 'The terminal demo: what happens to a payment that is sent twice'));
}

async function keep(name, text) {
  if (text.length > 2e6) throw new Error(`${name} has ${text.length} bytes, which is too much for a README`);
  await writeFile(new URL(name, folder), text);
  console.log(`${name}: ${Math.round(text.length / 1000)} kB`);
}

// record takes pictures of the page, as fast as it can, while it is used. Each has its time.
async function record(page) {
  const frames = [];
  let ended = false;
  await open(page);
  await page.evaluate(() => document.querySelector('.intro').remove()); // the picture is about the rest
  const began = Date.now();
  const camera = (async () => {
    while (!ended) {
      const at = Date.now() - began;
      frames.push({ at, data: (await page.screenshot({ type: 'jpeg', quality: 50 })).toString('base64') });
      await page.waitForTimeout(300);
    }
  })();
  await page.waitForTimeout(1200);
  await page.dblclick('#pay');
  await see(page, '#said', '2 charges without');
  await page.waitForTimeout(2500);
  await page.check('[name=crash]');
  await see(page, '#said', 'for the new setting');
  await page.waitForTimeout(800);
  await page.click('#pay');
  await see(page, '#said', 'Healed');
  await page.waitForTimeout(3500);
  ended = true;
  await camera;
  return { frames, size: page.viewportSize() };
}

// play runs the terminal demo, and returns its lines with the time of each.
async function play() {
  const lines = [];
  const demo = spawn(program, ['demo'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const began = Date.now();
  let rest = '';
  demo.stdout.setEncoding('utf8').on('data', (text) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop();
    lines.push(...parts.map((line) => ({ at: Date.now() - began, line })));
  });
  const [code] = await once(demo, 'close');
  if (code !== 0) throw new Error(`the demo ended with ${code}`);
  return lines;
}
