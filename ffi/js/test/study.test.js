import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Model, OptiFormerError, Space, Study, minimize, suggest, version } from '../src/index.js';

const SPACE = {
  x: { type: 'float', low: -5, high: 5 },
  n: { type: 'int', low: 1, high: 9 },
  kind: ['a', 'b', 3, true],
  rate: { type: 'float', low: 1e-4, high: 1, log: true, when: { parent: 'kind', is: ['b', 3] } },
};
const SAMPLERS = ['auto', 'optiformer', 'gp', 'tpe', 'cma_es', 'local_search', 'sobol', 'random'];
const loss = ({ x, n, kind }) => (x - 1) ** 2 + Math.abs(n - 4) + (kind === true ? 1 : 0);

const refused = (status, part) => (error) => {
  assert(error instanceof OptiFormerError, error);
  assert.equal(error.status, status);
  assert(error.message.includes(part), error.message);
  return true;
};

test('every sampler makes the same study of one seed', async () => {
  for (const sampler of SAMPLERS) {
    const seen = [];
    const onTrial = ({ values, value }) => seen.push({ ...values, value });
    await minimize(loss, SPACE, { sampler, trials: 12, seed: 7, onTrial });
    await minimize(loss, SPACE, { sampler, trials: 12, seed: 7n, onTrial });
    assert.deepEqual(seen.slice(0, 12), seen.slice(12), sampler);
    assert.equal(seen.length, 24);
  }
});

test('a study finds the minimum and knows conditions', async () => {
  const best = await minimize(loss, SPACE, { trials: 60, seed: 1 });
  assert(best.value < 0.3, best.value);
  const study = new Study(SPACE, { sampler: 'sobol' });
  for (let trial = 0; trial < 16; trial++) {
    const { values } = study.ask();
    assert.equal(values.rate !== undefined, values.kind === 'b' || values.kind === 3);
  }
});

test('failures are kept: null, no number and exceptions', async () => {
  const outcomes = [() => null, () => NaN, () => Infinity, () => { throw new Error('diverged'); }, () => 1];
  const study = new Study(SPACE, { sampler: 'tpe' });
  const best = await study.optimize(() => outcomes.shift()(), { trials: 5 });
  assert.deepEqual(study.counts(), { finished: 1, failed: 4, pending: 0, pruned: 0 });
  assert.equal(best.id, 4);
  await assert.rejects(study.optimize(() => {}, { trials: 1 }), refused('INVALID_VALUE', 'returned nothing'));
});

test('several objectives are awaited at a time, and an abort ends a run', async () => {
  const study = new Study(SPACE, { direction: 'maximize', sampler: 'tpe' });
  let running = 0;
  let most = 0;
  await study.optimize(async (values) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    return loss(values);
  }, { trials: 12, jobs: 3 });
  assert.equal(most, 3);
  assert.equal(study.counts().finished, 12);
  const controller = new AbortController();
  const run = study.optimize((values) => { controller.abort(new Error('enough')); return loss(values); },
    { trials: 50, signal: controller.signal });
  await assert.rejects(run, /enough/);
  assert.equal(study.counts().finished, 13);
});

test('a misspelt parameter is an error that names it', async () => {
  await assert.rejects(minimize(({ xx }) => xx, SPACE, { trials: 3 }), refused('INVALID_VALUE', 'no parameter "xx"; it has x, n'));
  const { values } = new Study(SPACE).ask();
  // What tools read of any object is no misspelt parameter.
  assert.equal(JSON.stringify(values).includes('"x":'), true);
  assert.equal(String(values), '[object Object]');
  assert.deepEqual({ ...values }, values);
  assert.throws(() => { values.x = 1; }, TypeError);
});

test('spaces are refused with what is wrong', () => {
  const space = (parameter) => () => new Space({ x: parameter });
  assert.throws(space({ type: 'float', low: 1, high: 0 }), refused('INVALID_SPACE', '"x"'));
  assert.throws(space({ type: 'float', low: 0, hihg: 1 }), refused('INVALID_SPACE', 'hihg'));
  assert.throws(space({ type: 'float', low: NaN, high: 1 }), refused('INVALID_VALUE', '"x": low is NaN'));
  assert.throws(space('float'), refused('INVALID_VALUE', '"x" is an object'));
  assert.throws(space(['a', 'a']), refused('INVALID_SPACE', '"x"'));
  assert.throws(() => new Space({}), refused('INVALID_SPACE', 'at least one parameter'));
  assert.throws(() => new Space(null), refused('INVALID_VALUE', 'object'));
  assert.throws(() => new Space('{\0'), refused('INVALID_VALUE', 'NUL'));
});

test('studies refuse bad input and stay as they were', () => {
  assert.throws(() => new Study(SPACE, { smapler: 'tpe' }), refused('INVALID_VALUE', '"smapler"; there are direction'));
  assert.throws(() => new Study(SPACE, { sampler: 'tpo' }), refused('INVALID_VALUE', '"tpo"'));
  assert.throws(() => new Study(SPACE, { direction: 'down' }), refused('INVALID_VALUE', '"down"'));
  assert.throws(() => new Study(SPACE, { sampler: 'tpe', model: new Model() }), refused('INVALID_VALUE', 'no use for a model'));
  for (const seed of [-1, 1.5, 2n ** 64n, '1', NaN]) {
    assert.throws(() => new Study(SPACE, { seed }), refused('INVALID_VALUE', 'seed'));
  }
  const study = new Study(SPACE, { sampler: 'random' });
  const { id } = study.ask();
  study.tell(id, 1);
  assert.throws(() => study.tell(id, 2), refused('ALREADY_TOLD', 'trial 0'));
  assert.throws(() => study.tellFailed(9), refused('UNKNOWN_TRIAL', 'trial 9'));
  assert.throws(() => study.tell(id, '2'), refused('INVALID_VALUE', 'not string'));
  assert.throws(() => study.explain(id), refused('NOT_FOUND', 'pending'));
  assert.throws(() => study.add({ x: 0, m: 1 }, 1), refused('INVALID_VALUE', 'no parameter "m"'));
  assert.throws(() => study.add({ x: '0', n: 1, kind: 'a' }, 1), refused('INVALID_VALUE', '"x" cannot be "0"'));
  assert.throws(() => study.enqueue({ x: 0, n: 1, kind: 'c' }), refused('INVALID_VALUE', 'choices are ["a","b",3,true]'));
  assert.throws(() => study.enqueue({ x: 6, n: 1, kind: 'a' }), refused('INVALID_VALUE', '"x": 6'));
  assert.deepEqual(study.counts(), { finished: 1, failed: 0, pending: 0, pruned: 0 });
  study.free();
  study.free();
  assert.throws(() => study.ask(), refused('INVALID_VALUE', 'freed'));
});

test('a pruner ends poor trials', () => {
  const study = new Study(SPACE, { sampler: 'random', pruner: 'median:startup=2' });
  const run = (its, value) => {
    const { id } = its.ask();
    assert.equal(its.shouldStop(id), false);
    for (let step = 1; step <= 3; step++) {
      its.report(id, step, value);
      if (its.shouldStop(id)) {
        its.tellPruned(id);
        return step;
      }
    }
    its.tell(id, value);
    return null;
  };
  // The median of 1 and 2 is 1.5.
  assert.deepEqual([1, 2, 1.25, 1.75].map((value) => run(study, value)), [null, null, null, 1]);
  assert.deepEqual(study.counts(), { finished: 3, failed: 0, pending: 0, pruned: 1 });
  assert.throws(() => study.shouldStop(3), refused('ALREADY_TOLD', 'trial 3'));
  assert.throws(() => study.shouldStop(9), refused('UNKNOWN_TRIAL', 'trial 9'));
  // The rule is part of the study.
  const restored = Study.restore(study.save());
  assert.equal(run(restored, 1.75), 1);
  const without = new Study(SPACE, { sampler: 'random' });
  assert.deepEqual([1, 2, 99].map((value) => run(without, value)), [null, null, null]);
  assert.throws(() => new Study(SPACE, { pruner: 'medium' }), refused('INVALID_VALUE', 'no "medium"'));
  assert.throws(() => new Study(SPACE, { pruner: 5 }), refused('INVALID_VALUE', 'pruner must be a text'));
  const several = { pruner: 'median', objectives: ['a', 'b'] };
  assert.throws(() => new Study(SPACE, several), refused('INVALID_VALUE', 'prunes no trials'));
});

test('generators are ended by the pruner', async () => {
  const study = new Study(SPACE, { sampler: 'random', seed: 1, pruner: 'median:startup=3' });
  let closed = 0;
  const told = [];
  const epochs = function* ({ x }) {
    let ends = false;
    try {
      yield NaN;
      for (let epoch = 2; epoch <= 4; epoch++) yield x + 1 / epoch;
      ends = true;
      return x;
    } finally {
      if (!ends) closed++;
    }
  };
  const best = await study.optimize(epochs, { trials: 20, onTrial: ({ value }) => told.push(value) });
  const { finished, pruned } = study.counts();
  assert(pruned > 0 && finished >= 3 && finished + pruned === 20, JSON.stringify(study.counts()));
  assert.equal(closed, pruned);
  assert.equal(told.filter((value) => value === null).length, pruned);
  for (const { state, value, reports } of study.trials()) {
    assert.equal(reports[0][0], 2);
    assert.equal(state === 'finished' ? reports.length : value, state === 'finished' ? 3 : null);
  }
  assert.equal(best.value, best.values.x);
  const wait = async function* ({ x }) {
    yield x;
    throw new Error('diverged');
  };
  await assert.rejects(study.optimize(wait, { trials: 2, jobs: 2 }), /diverged/);
  assert.equal(study.counts().failed + study.counts().pruned, pruned + 2);
  await assert.rejects(study.optimize(function* () { yield 'low'; }, { trials: 1 }), refused('INVALID_VALUE', 'is a number'));
});

test('a generator that is ended runs its finally blocks, and an iterator need have none', async () => {
  const study = new Study(SPACE, { sampler: 'random', seed: 1, pruner: 'median' });
  let ended = 0;
  const trials = 12;
  await study.optimize(function* ({ x }) {
    try {
      for (let step = 0; step < 10; step++) yield x;
      return x;
    } finally {
      ended++;
    }
  }, { trials });
  assert.equal(ended, trials);
  const { pruned } = study.counts();
  assert.ok(pruned > 0);
  // An iterator with next alone.
  const bare = new Study(SPACE, { sampler: 'random', seed: 1, pruner: 'median' });
  await bare.optimize(({ x }) => {
    let left = 10;
    return { next: () => (left-- > 0 ? { value: x, done: false } : { value: x, done: true }) };
  }, { trials });
  assert.equal(bare.counts().pruned, pruned);
  assert.equal(bare.counts().failed, 0);
  study.free();
  bare.free();
});

test('an objective that always throws is a mistake', async () => {
  const study = new Study(SPACE, { sampler: 'random' });
  await assert.rejects(study.optimize(({ rate }) => rate.foo.bar, { trials: 4, jobs: 2 }), TypeError);
  assert.equal(study.counts().failed, 4);
  await assert.rejects(minimize(loss, SPACE, { trails: 3 }), refused('INVALID_VALUE', 'there are trials, jobs'));
  study.free();
});

test('a run ends where everything has been tried', async () => {
  const study = new Study({ kind: ['a', 'b', 'c'], n: { type: 'int', low: 0, high: 9 } }, { sampler: 'grid:points=2' });
  const best = await study.optimize(({ kind, n }) => n + (kind === 'b' ? 0 : 1), { trials: 50, jobs: 2 });
  assert.equal(best.value, 0);
  assert.equal(study.counts().finished, 6);
  const results = study.results();
  assert.deepEqual([results.best_score, results.num_evaluations, results.all_results.length], [0, 6, 6]);
  assert.equal(results.all_results[0].params.kind, study.trials()[0].values.kind);
  study.free();
});

test('a fidelity is raised', () => {
  const space = { epochs: { type: 'int', low: 1, high: 9, fidelity: true }, x: { type: 'float', low: 0, high: 1 } };
  const study = new Study(space, { sampler: 'hyperband' });
  const asked = [];
  let promotions = 0;
  for (let number = 0; number < 12; number++) {
    const { id, values } = study.ask();
    const source = study.promotedFrom(id);
    if (source !== null) {
      promotions++;
      assert.equal(asked[source].x, values.x);
      assert(asked[source].epochs < values.epochs);
    }
    asked.push(values);
    study.tell(id, values.x + 1 / values.epochs);
  }
  assert(promotions > 0 && promotions < 12, `${promotions} promotions`);
  assert.throws(() => study.promotedFrom(77), refused('UNKNOWN_TRIAL', 'trial 77'));
  assert.equal(new Study(space, { sampler: 'random' }).ask().values.epochs, 9);
  assert.throws(() => new Space({ epochs: space.epochs }), refused('INVALID_SPACE', 'a fidelity needs parameters'));
});

test('suggestions need no study', () => {
  const options = { history: [[0, 3, 0, NaN], [1, 4, 1, 0.01]], losses: [2, 1], count: 3, seed: 9, number: 2, sampler: 'gp' };
  const found = suggest(SPACE, options);
  assert.deepEqual(found, suggest(new Space(SPACE), options));
  assert.equal(new Set(found.map(String)).size, 3);
  assert.throws(() => suggest(SPACE, { history: [[1]], losses: [1] }), refused('INVALID_VALUE', 'history, row 0'));
  assert.throws(() => suggest(SPACE, { losses: [1] }), refused('INVALID_VALUE', '0 trials and 1 losses'));
});

test('weights are read from bytes', () => {
  const bytes = new Uint8Array(readFileSync(new URL('../../../runtime/weights/pico.safetensors', import.meta.url)));
  const ask = (model) => ({ ...new Study(SPACE, { sampler: 'optiformer', model }).ask().values });
  assert.deepEqual(ask(new Model(bytes)), ask(new Model()));
  assert.throws(() => new Model(bytes.subarray(0, 1000)), refused('INVALID_WEIGHTS', ''));
  assert.throws(() => new Model([1]), refused('INVALID_VALUE', 'Uint8Array'));
});

test('many studies do not exhaust the memory', () => {
  for (let round = 0; round < 300; round++) {
    const study = new Study(SPACE, { sampler: 'tpe', seed: round });
    for (let trial = 0; trial < 3; trial++) study.tell(study.ask().id, trial);
    study.free();
  }
  assert.match(version, /^\d+\.\d+\.\d+$/);
});
