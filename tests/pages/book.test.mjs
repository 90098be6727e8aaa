// The book in a headless Chromium: its pages, its search, and the demo page in it. OPTIFORMER_BOOK
// is the folder that docs/build_book.sh wrote.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './browser.mjs';
import { serve } from './server.mjs';

const folder = process.env.OPTIFORMER_BOOK;
const VIEW = { width: 1200, height: 800 };

let server;
let browser;

before(async () => {
  assert.ok(folder, 'OPTIFORMER_BOOK is the folder of the book');
  server = await serve(folder);
  browser = await Browser.start();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

test('the book begins with what there is, and its search finds a page', async () => {
  const page = await browser.open(server.url, VIEW);
  assert.equal(await page.evaluate('document.querySelector("main h1").textContent'), 'OptiFormer');
  const listed = await page.evaluate('[...document.querySelectorAll(".sidebar a[href]")].map(({ pathname }) => pathname)');
  for (const name of ['rust', 'python', 'c', 'cpp', 'go', 'javascript', 'julia', 'samplers']) {
    assert.ok(listed.includes(`/${name}.html`), `${name} is not in the table of contents`);
  }

  await page.until('document.querySelector("#mdbook-search-toggle, #search-toggle")');
  await page.evaluate('document.querySelector("#mdbook-search-toggle, #search-toggle").click()');
  const bar = '#mdbook-searchbar, #searchbar';
  await page.until(`document.querySelector('${bar}')?.offsetParent`);
  await page.type(bar, 'covariance matrix');
  await page.evaluate(`document.querySelector('${bar}').dispatchEvent(new KeyboardEvent('keyup', { bubbles: true }))`);
  const results = '#mdbook-searchresults a, #searchresults a';
  await page.until(`[...document.querySelectorAll('${results}')].some(({ pathname }) => pathname === '/samplers.html')`);
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('the demo page runs in the book', async () => {
  const page = await browser.open(`${server.url}introduction.html`, VIEW);
  await page.evaluate(`document.querySelector('main a[href="demo/index.html"]').click()`);
  await page.until('document.querySelector("#step") && !document.querySelector("#step").disabled');
  await page.evaluate('document.querySelector("#step").click()');
  await page.until('document.querySelector("#scores tr")?.dataset.trials === "1"');
  assert.deepEqual(page.problems, []);
  await page.close();
});
