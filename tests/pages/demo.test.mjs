// The demo page in a headless Chromium, in a wide window and on a phone.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Browser } from './browser.mjs';
import { serve } from './server.mjs';

const BUILD = fileURLToPath(new URL('../../docs/demo/build.sh', import.meta.url));
const SHOWN_FIRST = ['auto', 'tpe', 'gp', 'random'];
const VIEWS = {
  wide: { width: 1440, height: 900 },
  phone: { width: 390, height: 844, dark: true, touch: true },
};

let folder;
let server;
let browser;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'optiformer-demo-'));
  console.log(execFileSync(BUILD, ['--output', folder], { encoding: 'utf8' }).trim());
  server = await serve(folder);
  browser = await Browser.start();
});

after(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A page that is ready to be used; its problems are an error at the end. */
async function withPage(view, body) {
  const page = await browser.open(server.url, view);
  await page.until('!document.querySelector("#step").disabled && document.querySelector("#scores tr")');
  await page.until('document.querySelector("#status").textContent.startsWith("0 of")');
  await body(page);
  assert.deepEqual(page.problems, []);
  await page.close();
}

const click = (page, selector) => page.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);

/** Sets a field as a person does who leaves it afterwards. */
async function set(page, selector, value) {
  await page.evaluate(`(() => {
    const field = document.querySelector(${JSON.stringify(selector)});
    field.value = ${JSON.stringify(String(value))};
    field.dispatchEvent(new Event('change', { bubbles: true }));
  })()`);
}

const trialsAre = (count) => `[...document.querySelectorAll('#scores tr')].every((row) => row.dataset.trials === '${count}')`;

async function stepTo(page, count) {
  await click(page, '#step');
  await page.until(trialsAre(count));
}

async function playAll(page, trials) {
  await set(page, '#trials', trials);
  await set(page, '#speed', 5);
  await click(page, '#play');
  await page.until(`${trialsAre(trials)} && document.querySelector('#play').textContent === 'Play'`, 90);
}

/** The table: numbers by sampler. */
const scores = (page) =>
  page.evaluate(`Object.fromEntries([...document.querySelectorAll('#scores tr')].map(({ dataset, cells }) =>
    [dataset.sampler, { trials: Number(dataset.trials), best: Number(dataset.best), at: cells[2].textContent.split(', ').map(Number) }]))`);

/** A panel's or another canvas's picture. */
const picture = (page, selector) => page.evaluate(`document.querySelector(${JSON.stringify(selector)}).toDataURL()`);
const panel = (sampler) => `#panels [data-sampler="${sampler}"] canvas`;
const text = (page, selector) => page.evaluate(`document.querySelector(${JSON.stringify(selector)}).textContent`);

for (const [name, view] of Object.entries(VIEWS)) {
  test(`${name}: trials appear and the best values fall`, () =>
    withPage(view, async (page) => {
      const empty = await picture(page, panel('auto'));
      const curves = await picture(page, '#curves');
      let last = null;
      for (const count of [1, 2, 3]) {
        await stepTo(page, count);
        const now = await scores(page);
        assert.deepEqual(Object.keys(now), SHOWN_FIRST);
        for (const sampler of SHOWN_FIRST) assert.ok(!last || now[sampler].best <= last[sampler].best, sampler);
        last = now;
      }
      assert.notEqual(await picture(page, panel('auto')), empty);
      assert.notEqual(await picture(page, '#curves'), curves);
      await playAll(page, 25);
      const end = await scores(page);
      for (const sampler of SHOWN_FIRST) {
        assert.equal(end[sampler].trials, 25);
        assert.ok(end[sampler].best < last[sampler].best, `${sampler}: ${end[sampler].best} after 25 trials`);
      }
      // The lowest value of Branin's function is 0.3979.
      assert.ok(end.auto.best >= 0.3978 && end.auto.best < 0.45, `auto: ${end.auto.best}`);
      assert.match(await text(page, '#status'), /^25 trials each\. Best: auto 0\.\d+, tpe /);
      assert.match(await page.evaluate(`document.querySelector('${panel('auto')}').ariaLabel`), /25 trials, best 0\./);

      const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.ok(wide <= 0, `the page is ${wide} pixels wider than the window`);
      if (process.env.OPTIFORMER_SCREENSHOTS) {
        await writeFile(join(process.env.OPTIFORMER_SCREENSHOTS, `demo-${name}.png`), await page.screenshot());
      }
    }));

  test(`${name}: predictions are shaded`, () =>
    withPage(view, async (page) => {
      await playAll(page, 8);
      const functions = await picture(page, panel('gp'));
      await click(page, 'input[value="improvement"]');
      await page.until(`document.querySelector('[data-sampler="random"] p').textContent.includes('predicts no values')`);
      // The ratings come from the worker, after the first redrawing without them.
      await page.until(`/improvement .* expected/.test(document.querySelector('[data-sampler="gp"] p').textContent)`);
      const shaded = await picture(page, panel('gp'));
      assert.notEqual(shaded, functions);
      await click(page, 'input[value="function"]');
      assert.equal(await picture(page, panel('gp')), functions);
      // Each trial changes what is predicted.
      await click(page, 'input[value="improvement"]');
      await set(page, '#trials', 9);
      await playAll(page, 9);
      assert.notEqual(await picture(page, panel('gp')), shaded);
    }));

  test(`${name}: a function of one's own is tuned, and a mistake is shown by its position`, () =>
    withPage(view, async (page) => {
      for (const [field, bound] of [['x-low', -4], ['x-high', 4], ['y-low', -4], ['y-high', 4]]) {
        await page.type(`#${field}`, String(bound));
      }
      await page.type('#expression', 'abs(x - 1) + (y + 2)^2 - 7');
      await page.press('Enter', '\r');
      await page.until(`document.querySelector('#function').value === 'own' && ${trialsAre(0)}`);
      await playAll(page, 20);
      const { auto } = await scores(page);
      const [x, y] = auto.at;
      assert.ok(Math.abs(Math.abs(x - 1) + (y + 2) ** 2 - 7 - auto.best) < 0.01, `${auto.best} at ${x}, ${y}`);
      assert.ok(auto.best >= -7 && auto.best < -6.5, `auto: ${auto.best}`);

      const mistakes = {
        'x^2 + * y': /^Column 7: expected a number, a name or “\(”, found “\*”\./,
        'sin(x': /^Column 6: expected “\)” after the argument of sin, found the end\./,
        '2 * foo': /^Column 5: there is no “foo”/,
        'x $ y': /^Column 3: the character “\$” has no meaning here/,
        'log(0 - 1 - x^2)': /^The function has no finite value in these ranges/,
        '': /^Column 1: an expression in x and y is missing/,
      };
      for (const [expression, message] of Object.entries(mistakes)) {
        await page.type('#expression', expression);
        if (expression === '') await set(page, '#expression', '');
        await page.press('Enter', '\r');
        await page.until(`${message}.test(document.querySelector('#problem-error').textContent)`, 5);
        assert.equal(await page.evaluate('document.querySelector("#expression").ariaInvalid'), 'true');
      }
      // The study is as it was, and goes on.
      assert.equal((await scores(page)).auto.trials, 20);
      await page.type('#x-low', '9');
      await page.press('Enter', '\r');
      await page.until('document.querySelector("#problem-error").textContent.startsWith("Column 1")');

      await page.type('#expression', 'y + sqrt(x)');
      await page.press('Enter', '\r');
      await page.until('document.querySelector("#problem-error").textContent.includes("begins at 9")');
      await page.type('#x-low', '-4');
      await page.press('Enter', '\r');
      await page.until('document.querySelector("#problem-error").hidden');
      // Half of the space fails.
      await playAll(page, 12);
      assert.ok((await scores(page)).random.best >= -4);
    }));
}

test('no press of a button is lost', () =>
  withPage(VIEWS.wide, async (page) => {
    await page.evaluate('for (let press = 0; press < 5; press += 1) document.querySelector("#step").click()');
    await page.until(trialsAre(5));
    // A run that is begun anew owes nothing.
    await page.evaluate('for (const id of ["step", "step", "step", "reset", "step"]) document.getElementById(id).click()');
    await page.until(trialsAre(1));
    await page.until('document.querySelector("#status").textContent.startsWith("1 of")');
  }));

test('every sampler can be watched', () =>
  withPage(VIEWS.wide, async (page) => {
    await page.evaluate(`document.querySelectorAll('#samplers input:not(:checked)').forEach((box) => box.click())`);
    await click(page, 'input[value="improvement"]');
    await playAll(page, 6);
    const all = await scores(page);
    assert.equal(Object.keys(all).length, 8);
    for (const [sampler, { best }] of Object.entries(all)) assert.ok(best > 0.39, `${sampler}: ${best}`);
  }));

test('the keyboard works everything, and everything has a name', () =>
  withPage(VIEWS.wide, async (page) => {
    await page.evaluate('document.querySelector("#play").focus()');
    await page.press(' ', ' ');
    await page.until('document.querySelector("#play").textContent === "Pause"');
    await page.until('Number(document.querySelector("#scores tr").dataset.trials) >= 2');
    await page.press(' ', ' ');
    await page.until('document.querySelector("#play").textContent === "Play"');
    await page.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.id'), 'step');
    await page.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.id'), 'reset');
    await page.press('Enter', '\r');
    await page.until(trialsAre(0));
    await page.press('Tab');
    const speed = Number(await page.evaluate('document.querySelector("#speed").value'));
    await page.press('ArrowRight');
    assert.equal(Number(await page.evaluate('document.querySelector("#speed").value')), speed + 1);

    const named = ['textbox', 'button', 'slider', 'spinbutton', 'combobox', 'radio', 'checkbox', 'image', 'table', 'link'];
    await page.send('Accessibility.enable');
    const { nodes } = await page.send('Accessibility.getFullAXTree');
    const asked = nodes.filter(({ role, ignored }) => !ignored && named.includes(role?.value));
    assert.ok(asked.length > 25, `${asked.length} controls and pictures`);
    const nameless = asked.filter(({ name }) => !name?.value).map(({ role }) => role.value);
    assert.deepEqual(nameless, []);
  }));

test('expressions are computed as mathematics has it', () =>
  withPage(VIEWS.wide, async (page) => {
    const value = (expression) =>
      page.evaluate(`import('./expression.js').then(({ parse }) => parse(${JSON.stringify(expression)})(2, 3))`);
    const expected = {
      '-x^2 + 2^3^2': 508,
      '1 - 2 - 3': -4,
      '12 / x / y': 2,
      '2 * -x': -4,
      '2^-1': 0.5,
      'x ** y': 8,
      '.5 + 5. + 1e1': 15.5,
      'mod(0 - 1, y) + max(x, y) + atan2(0, 1)': 5,
      'ln(e) + log10(100) + log2(8) + cos(pi)': 5,
    };
    for (const [expression, number] of Object.entries(expected)) {
      const computed = await value(expression);
      assert.ok(Math.abs(computed - number) < 1e-12, `${expression} is ${computed}`);
    }
    for (const name of ['constructor', '__proto__(x)', 'window', 'sin.constructor', 'x["y"]', '`x`']) {
      await assert.rejects(value(name), /ExpressionError/, name);
    }
  }));

test('the lowest values that the page measures against are the lowest', () =>
  withPage(VIEWS.wide, async (page) => {
    const below = await page.evaluate(`Promise.all([import('./expression.js'), import('./functions.js')]).then(
      ([{ parse }, { FUNCTIONS }]) => FUNCTIONS.filter(({ lowest }) => lowest !== null).map(({ name, expression, x, y, lowest }) => {
        const objective = parse(expression);
        let best = Infinity;
        for (let i = 0; i <= 600; i += 1) {
          for (let j = 0; j <= 600; j += 1) {
            best = Math.min(best, objective(x[0] + (x[1] - x[0]) * i / 600, y[0] + (y[1] - y[0]) * j / 600));
          }
        }
        return [name, best - lowest];
      }))`);
    assert.ok(below.length >= 5);
    for (const [name, distance] of below) assert.ok(distance > -1e-9 && distance < 0.1, `${name}: ${distance}`);
  }));
