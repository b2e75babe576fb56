// The checks of Swagger UI: "Try it out" from the first page to a replayed payment.

import assert from 'node:assert/strict';

const apiKey = process.env.API_KEY;

// open shows the page that path leads to, and enters the API key.
async function open(page, path) {
  await page.goto(path);
  await page.locator('.btn.authorize').click();
  await page.locator('.auth-container input').fill(apiKey);
  await page.locator('.auth-btn-wrapper .authorize').click();
  await page.locator('.auth-btn-wrapper .btn-done').click();
}

// operation opens an operation, unless it is.
async function operation(page, tag, id) {
  const block = page.locator(`#operations-${tag}-${id}`);
  if (!(await block.getAttribute('class')).includes('is-open')) await block.locator('.opblock-summary').first().click();
  await block.locator('.execute').waitFor();
  return block;
}

// execute presses Execute, and returns what is shown as the answer.
async function execute(page, block) {
  const answered = page.waitForResponse((response) => response.url().includes('/v1/'));
  await block.locator('.execute').click();
  const response = await answered;
  const row = block.locator('.live-responses-table .response .response-col_status').first();
  await row.filter({ hasText: String(response.status()) }).waitFor();
  return { response, status: response.status(), body: await response.json() };
}

// newKey makes what an operation sends next another request.
async function newKey(block) {
  await block.locator('[data-param-name="Idempotency-Key"] input').fill(crypto.randomUUID());
  return block;
}

const badge = (block) => block.locator('.replayed');

// buy makes an order and pays it twice, as the page's examples say.
async function buy(page) {
  const order = await execute(page, await operation(page, 'Orders', 'createOrder'));
  assert.equal(order.status, 201, JSON.stringify(order.body));
  const block = await operation(page, 'Payments', 'createPayment');
  const first = await execute(page, block);
  assert.equal(first.status, 201, JSON.stringify(first.body));
  assert.equal(first.body.order_id, order.body.id, 'the order made last takes the place of the example');
  assert.equal(await badge(block).count(), 0, 'the first answer is no replay');
  const second = await execute(page, block);
  assert.deepEqual(second.body, first.body);
  await badge(block).filter({ hasText: 'Replayed' }).waitFor();
  return { order, block };
}

const widths = Object.fromEntries([1280, 375].map((width) => [`try it out at ${width} px: an order, a payment, and the badge of its replay`, {
  width,
  async check(page) {
    await open(page, '/swagger');
    const { block } = await buy(page);
    const height = (await block.boundingBox()).height;
    assert.ok(height < (width > 1000 ? 5_500 : 12_000), `the opened operation is ${height} px tall`);
  },
}]));

export default {
  ...widths,

  'the named examples of a payment have the answers that they announce': {
    expected: ['402 (Payment Required)'],
    async check(page) {
      await open(page, '/swagger/');
      for (const [example, status, state] of [
        ['charged', 201, 'succeeded'], ['declined', 402, undefined], ['manual_capture', 201, 'requires_capture'], ['three_d_secure', 201, 'requires_action'], ['timeout', 202, 'processing'],
      ]) {
        await execute(page, await newKey(await operation(page, 'Orders', 'createOrder')));
        const block = await newKey(await operation(page, 'Payments', 'createPayment'));
        await block.locator('.opblock-section-request-body .examples-select select').selectOption(example);
        const { status: got, body } = await execute(page, block);
        assert.equal(got, status, `${example}: ${JSON.stringify(body)}`);
        if (state) assert.equal(body.status, state, example);
      }
    },
  },

  'a refusal is one row until its example is asked for': {
    async check(page) {
      await page.goto('/swagger/index.html');
      const block = await operation(page, 'Payments', 'createPayment');
      const rows = block.locator('.short-refusal');
      const before = await rows.count();
      assert.ok(before >= 10, `${before} short rows`);
      await rows.filter({ hasText: 'payment-declined' }).getByRole('button', { name: 'Example' }).click();
      await block.locator('.responses-table').getByText('insufficient_funds').first().waitFor();
      assert.equal(await rows.count(), before - 1);
    },
  },

  'behind a path prefix it works as well': {
    async check(page) {
      await open(page, '/pay/swagger');
      assert.ok(page.url().endsWith('/pay/swagger/index.html'), page.url());
      await buy(page);
      assert.equal(await page.getByRole('link', { name: 'All problems' }).getAttribute('href'), '/pay/problems');
    },
  },
};
