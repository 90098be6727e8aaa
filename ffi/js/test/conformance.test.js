// The scenarios of tests/conformance: every answer, numbers exactly.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { OptiFormerError, Space, Study, suggest } from '../src/index.js';

const read = (file) => JSON.parse(readFileSync(new URL(`../../../tests/conformance/${file}`, import.meta.url), 'utf8'));

/** What a call returns; undefined after the error that the step wants. */
function expect(step, call) {
  if (!step.error) return call();
  assert.throws(call, (error) => {
    assert(error instanceof OptiFormerError);
    assert.deepEqual({ status: error.status, message: error.message }, step.error);
    return true;
  });
  return undefined;
}

const number = (value) => (typeof value === 'string' ? Number(value.replace('inf', 'Infinity').replace('nan', 'NaN')) : value);
const plain = (row) => row.map((value) => value ?? NaN);

/** A row of numbers as an object. */
function named(parameters, row) {
  const pairs = parameters.map(({ name, choices }, index) => [name, row[index] === null || !choices ? row[index] : choices[row[index]]]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== null));
}

/** The inverse. */
function row(parameters, values) {
  return parameters.map(({ name, choices }) => {
    if (!Object.hasOwn(values, name)) return null;
    return choices ? choices.indexOf(values[name]) : values[name];
  });
}

/** A trial of a study as a scenario has it, with the numbers that were measured. */
function readBack(parameters, { id, state, values, objectives, constraints, reports }) {
  const numbers = (measured) => (measured ? Object.values(measured) : []);
  return { id, state, values: row(parameters, values), objectives: numbers(objectives), constraints: numbers(constraints), reports };
}

/** A scenario's trial without the numbers that were not measured. */
function compared(trial) {
  const measured = (numbers) => numbers.filter((value) => value !== 'nan');
  return { ...trial, objectives: measured(trial.objectives), constraints: measured(trial.constraints) };
}

function play(study, parameters, step) {
  const { call, id, returns } = step;
  switch (call) {
    case 'ask': {
      const trial = expect(step, () => study.ask());
      if (trial) assert.deepEqual({ id: trial.id, values: row(parameters, trial.values) }, returns);
      break;
    }
    case 'tell':
      expect(step, () => study.tell(id, number(step.value)));
      break;
    case 'tell_measured':
      expect(step, () => study.tell(id, step.objectives.map(number), { constraints: step.constraints.map(number) }));
      break;
    case 'add_measured': {
      const measured = { constraints: step.constraints.map(number) };
      assert.equal(expect(step, () => study.add(named(parameters, step.values), step.objectives.map(number), measured)), returns);
      break;
    }
    case 'tell_pruned':
      expect(step, () => study.tellPruned(id));
      break;
    case 'report':
      expect(step, () => study.report(id, step.step, number(step.value)));
      break;
    case 'should_stop':
      assert.equal(expect(step, () => study.shouldStop(id)), returns);
      break;
    case 'promoted_from':
      assert.equal(study.promotedFrom(id), returns);
      break;
    case 'front':
      assert.deepEqual(study.front(), returns);
      break;
    case 'violation':
      assert.equal(study.violation(id), returns);
      break;
    case 'trials':
      assert.deepEqual(study.trials().map((trial) => readBack(parameters, trial)), returns.map(compared));
      break;
    case 'tell_failed':
      expect(step, () => study.tellFailed(id));
      break;
    case 'add':
      assert.equal(expect(step, () => study.add(named(parameters, step.values), number(step.value))), returns);
      break;
    case 'enqueue':
      expect(step, () => study.enqueue(named(parameters, step.values)));
      break;
    case 'best': {
      const best = study.best();
      const found = best && { id: best.id, values: row(parameters, best.values), value: best.value };
      assert.deepEqual(found, returns);
      break;
    }
    case 'counts':
      assert.deepEqual(study.counts(), returns);
      break;
    case 'explain': {
      const wanted = Object.entries(returns).map(([key, value]) => [key, value === 'nan' ? NaN : value]);
      assert.deepEqual(study.explain(id), Object.fromEntries(wanted));
      break;
    }
    default:
      assert.fail(`the scenarios have no call ${call}`);
  }
}

for (const scenario of read('studies.json').studies) {
  test(scenario.name, () => {
    const { space, direction, sampler, seed, steps, constraints = [] } = scenario;
    const objectives = Object.fromEntries((scenario.objectives ?? []).map((it) => [it.name, it.direction]));
    const options = { direction, sampler, seed: BigInt(seed), constraints, objectives, pruner: scenario.pruner };
    let study = expect(scenario, () => new Study(new Space(JSON.stringify(space)), options));
    steps.forEach((step, index) => {
      try {
        if (step.call === 'restore') study = Study.restore(study.save());
        else play(study, space.parameters, step);
      } catch (error) {
        error.message = `step ${index}, ${JSON.stringify(step)}: ${error.message}`;
        throw error;
      }
    });
  });
}

for (const scenario of read('spaces.json').read) {
  test(`a space: ${scenario.name}`, () => {
    const space = expect(scenario, () => new Space(scenario.document));
    if (space) assert.equal(space.toJSONText(), scenario.json);
  });
}

/** The parameters that the successful calls make, as the package takes them. */
function built(calls) {
  const parameters = {};
  for (const { call, error, name, parent, values, choices, ...rest } of calls) {
    if (error) continue;
    if (call === 'set_condition') {
      const labels = parameters[parent].choices;
      parameters[name].when = { parent, is: values.map((value) => (labels ? labels[value] : value)) };
    } else if (call === 'set_fidelity') {
      parameters[name].fidelity = true;
    } else if (call === 'add_categorical') {
      parameters[name] = { type: 'categorical', choices };
    } else {
      const step = rest.step === 0 || (call === 'add_int' && rest.step === 1) ? undefined : rest.step;
      parameters[name] = { type: call === 'add_int' ? 'int' : 'float', ...rest, step };
    }
  }
  return parameters;
}

for (const scenario of read('spaces.json').built) {
  test(`a space: ${scenario.name}`, () => {
    assert.equal(new Space(built(scenario.calls)).toJSONText(), scenario.json);
  });
}

for (const scenario of read('suggestions.json').suggestions) {
  test(scenario.name, () => {
    const { space, sampler, seed, number: from, count } = scenario;
    const found = expect(scenario, () =>
      suggest(new Space(JSON.stringify(space)), {
        history: scenario.history.map(plain),
        losses: plain(scenario.losses),
        pending: scenario.pending.map(plain),
        count,
        sampler,
        seed: BigInt(seed),
        number: from,
      }),
    );
    if (found) assert.deepEqual(found, scenario.returns.map(plain));
  });
}
