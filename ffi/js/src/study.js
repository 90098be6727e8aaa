import { Handle, call, columns, handle, memory, text, textIn, unsigned, wholes, withArena } from './library.js';
import { OptiFormerError, invalid } from './error.js';
import { asSpace, named, row } from './space.js';

// struct_size, direction, sampler, model, seed, constraints, constraint_count, objectives,
// directions, objective_count and pruner of optiformer_study_options.
const OPTIONS_SIZE = 48;
// struct_size, sampler[32], origin[32], median, deviation, improvement and feasibility of
// optiformer_explanation.
const EXPLANATION_SIZE = 104;

const DIRECTIONS = ['minimize', 'maximize'];
const STATES = ['pending', 'finished', 'failed', 'pruned'];
const KNOWN = ['direction', 'sampler', 'model', 'seed', 'constraints', 'objectives', 'pruner'];

/** What stands for the value of a trial that the pruner ended. */
const PRUNED = Symbol('pruned');

/** Refuses an option that is misspelt, which would quietly have no effect. */
export function checkOptions(options, known) {
  const stranger = Object.keys(options).find((name) => !known.includes(name));
  if (stranger !== undefined) throw invalid(`there is no option ${JSON.stringify(stranger)}; there are ${known.join(', ')}`);
}

/** What a study is made of that was restored rather than begun. */
class Restored {
  constructor(place) {
    this.place = place;
  }
}

/** Objectives by name, or a list of names, as names and directions. */
function objectiveList(objectives, direction) {
  const entries = Array.isArray(objectives) ? objectives.map((name) => [name, direction]) : Object.entries(objectives);
  for (const [name, its] of entries) {
    if (!DIRECTIONS.includes(its)) {
      throw invalid(`the direction of objective ${JSON.stringify(name)} is 'minimize' or 'maximize', not ${JSON.stringify(its)}`);
    }
  }
  return entries;
}

/** The options' struct in memory. */
function rawOptions(arena, options) {
  const { direction = 'minimize', sampler = 'auto', model, seed = 0, constraints = [], objectives = [], pruner } = options;
  if (!DIRECTIONS.includes(direction)) {
    throw invalid(`direction is 'minimize' or 'maximize', not ${JSON.stringify(direction)}`);
  }
  if (!Array.isArray(constraints)) throw invalid('constraints are a list of names');
  const entries = objectiveList(objectives, direction);
  const raw = arena.bytes(OPTIONS_SIZE);
  const name = arena.text('sampler', sampler);
  const names = arena.texts('constraint', constraints);
  const objectiveNames = arena.texts('objective', entries.map(([its]) => its));
  const directions = arena.bytes(4 * entries.length);
  const rule = pruner === undefined ? 0 : arena.text('pruner', pruner);
  const view = memory();
  entries.forEach(([, its], index) => view.setInt32(directions + 4 * index, DIRECTIONS.indexOf(its), true));
  view.setUint32(raw, OPTIONS_SIZE, true);
  view.setInt32(raw + 4, DIRECTIONS.indexOf(direction), true);
  view.setUint32(raw + 8, name, true);
  view.setUint32(raw + 12, model?._place ?? 0, true);
  view.setBigUint64(raw + 16, unsigned('seed', seed), true);
  view.setUint32(raw + 24, names, true);
  view.setUint32(raw + 28, constraints.length, true);
  view.setUint32(raw + 32, objectiveNames, true);
  view.setUint32(raw + 36, directions, true);
  view.setUint32(raw + 40, entries.length, true);
  view.setUint32(raw + 44, rule, true);
  return raw;
}

/** Numbers in the order of their names; how many there are is checked by the library. */
function ordered(kind, names, given) {
  if (typeof given === 'number') return [given];
  if (Array.isArray(given)) return given;
  if (given === null || typeof given !== 'object') throw invalid(`${kind} values are numbers, not ${typeof given}`);
  const told = Object.keys(given);
  if (told.length !== names.length || !names.every((name) => Object.hasOwn(given, name))) {
    throw invalid(`the study has the ${kind}s ${names.join(', ')}, and ${told.join(', ')} were told`);
  }
  return names.map((name) => given[name]);
}

/** What a body gives; null where the library has nothing to report. */
function orNull(body) {
  try {
    return body();
  } catch (error) {
    if (error instanceof OptiFormerError && error.status === 'NOT_FOUND') return null;
    throw error;
  }
}

/** One optimization, which hands out trials and is told how they went. */
export class Study {
  #handle;
  #parameters;
  #objectives;
  #constraints;

  constructor(space, options = {}) {
    if (space instanceof Restored) {
      this.#begin(space.place);
      return;
    }
    checkOptions(options, KNOWN);
    const made = asSpace(space);
    try {
      this.#begin(withArena((arena) => handle(arena, 'optiformer_study_new', made._place, rawOptions(arena, options))));
    } finally {
      if (made !== space) made.free();
    }
  }

  /** Owns a study of the library, and reads what it is made of. */
  #begin(place) {
    this.#handle = new Handle('study', 'optiformer_study_free', place);
    const { objectives, constraints } = JSON.parse(withArena((arena) => text(arena, 'optiformer_study_description', place)));
    this.#objectives = objectives.map(({ name }) => name);
    this.#constraints = constraints;
    this.#parameters = withArena((arena) => {
      const space = handle(arena, 'optiformer_study_space', place);
      const owned = new Handle('space', 'optiformer_space_free', space);
      const document = text(arena, 'optiformer_space_to_json', space);
      owned.free();
      return JSON.parse(document).parameters;
    });
  }

  /** A study from what save() gave. */
  static restore(saved, options = {}) {
    checkOptions(options, ['model']);
    const model = options.model?._place ?? 0;
    return new Study(
      new Restored(withArena((arena) => handle(arena, 'optiformer_study_restore', arena.text('saved', saved), model))),
    );
  }

  /** What the study came to. */
  results() {
    return JSON.parse(withArena((arena) => text(arena, 'optiformer_study_results', this.#handle.place)));
  }

  /** The whole study as a text. */
  save() {
    return withArena((arena) => text(arena, 'optiformer_study_save', this.#handle.place));
  }

  /** The next trial. */
  ask() {
    return withArena((arena) => {
      const id = arena.bytes(8);
      const values = arena.doubles(this.#parameters.map(() => NaN));
      call(arena, 'optiformer_study_ask', this.#handle.place, id, values, this.#parameters.length);
      return this.#trial(arena, id, values);
    });
  }

  #trial(arena, id, values) {
    const numbers = arena.read(values, this.#parameters.length);
    return { id: Number(memory().getBigUint64(id, true)), values: named(this.#parameters, numbers) };
  }

  /** How a trial went; a value that is not finite counts as a failed trial. */
  tell(id, value, options = {}) {
    this.#tell('optiformer_study_tell', () => [unsigned('id', id)], [], value, options);
  }

  /** Tells or adds a trial; `before` gives the arguments before what was measured. */
  #tell(name, before, after, value, options) {
    checkOptions(options, ['constraints']);
    const objectives = ordered('objective', this.#objectives, value);
    const constraints = ordered('constraint', this.#constraints, options.constraints ?? []);
    if ([...objectives, ...constraints].some((number) => typeof number !== 'number')) {
      throw invalid(`the outcome of a trial is numbers, not ${JSON.stringify(value)}`);
    }
    withArena((arena) => {
      if (typeof value === 'number' && constraints.length === 0) {
        call(arena, name, this.#handle.place, ...before(arena), value, ...after);
        return;
      }
      const measured = [arena.doubles(objectives), objectives.length, arena.doubles(constraints), constraints.length];
      call(arena, `${name}_measured`, this.#handle.place, ...before(arena), ...measured, ...after);
    });
  }

  /** That a trial was ended early: its last intermediate value counts. */
  tellPruned(id) {
    withArena((arena) => call(arena, 'optiformer_study_tell_pruned', this.#handle.place, unsigned('id', id)));
  }

  /** An intermediate value of a trial, which is pending. */
  report(id, step, value) {
    if (typeof value !== 'number') throw invalid(`the value of trial ${id} is a number, not ${typeof value}`);
    const args = [unsigned('id', id), unsigned('step', step), value];
    withArena((arena) => call(arena, 'optiformer_study_report', this.#handle.place, ...args));
  }

  /** Whether the pruner would end a trial, which is pending, for its intermediate values. */
  shouldStop(id) {
    return withArena((arena) => {
      const out = arena.bytes(4);
      call(arena, 'optiformer_study_should_stop', this.#handle.place, unsigned('id', id), out);
      return memory().getInt32(out, true) !== 0;
    });
  }

  /** The id of the trial that a trial continues at a higher fidelity; null where there is none. */
  promotedFrom(id) {
    return orNull(() =>
      withArena((arena) => {
        const out = arena.bytes(8);
        call(arena, 'optiformer_study_promoted_from', this.#handle.place, unsigned('id', id), out);
        return wholes(out, 1)[0];
      }),
    );
  }

  /** That a trial failed: it is kept, and avoided. */
  tellFailed(id) {
    withArena((arena) => call(arena, 'optiformer_study_tell_failed', this.#handle.place, unsigned('id', id)));
  }

  /** Adds a trial that was made elsewhere, and returns its id. */
  add(values, value, options = {}) {
    const numbers = row(this.#parameters, values);
    return withArena((arena) => {
      const id = arena.bytes(8);
      this.#tell('optiformer_study_add', (its) => [its.doubles(numbers), numbers.length], [id], value, options);
      return Number(memory().getBigUint64(id, true));
    });
  }

  /** Lets a trial, which is pending, leave the study without an outcome. */
  abandon(id) {
    withArena((arena) => call(arena, 'optiformer_study_abandon', this.#handle.place, unsigned('id', id)));
  }

  /** Lets the trials that are pending now be asked for again. */
  offerPending() {
    withArena((arena) => call(arena, 'optiformer_study_offer_pending', this.#handle.place));
  }

  /** The ids of the Pareto front. */
  front() {
    return withArena((arena) => {
      const { rows, places } = columns(arena, 'optiformer_study_front', [this.#handle.place], [8]);
      return wholes(places[0], rows);
    });
  }

  /** By how much a trial violates the constraints. */
  violation(id) {
    return withArena((arena) => {
      const out = arena.bytes(8);
      call(arena, 'optiformer_study_violation', this.#handle.place, unsigned('id', id), out);
      return memory().getFloat64(out, true);
    });
  }

  /** All trials, in the order of their ids. */
  trials() {
    return withArena((arena) => {
      const study = this.#handle.place;
      const widths = [this.#parameters.length, this.#objectives.length, this.#constraints.length];
      const told = columns(arena, 'optiformer_study_trials', [study], [8, 4, 8 * widths[0], 8]);
      const measured = columns(arena, 'optiformer_study_measurements', [study], [8 * widths[1], 8 * widths[2]]);
      const ids = wholes(told.places[0], told.rows);
      const cut = (place, index, width) => arena.read(place + 8 * width * index, width);
      const numbers = (names, values) =>
        values.some(Number.isNaN) || names.length === 0
          ? null
          : Object.fromEntries(names.map((name, index) => [name, values[index]]));
      return ids.map((id, index) => {
        const objectives = cut(measured.places[0], index, widths[1]);
        const state = STATES[memory().getInt32(told.places[1] + 4 * index, true)];
        return {
          id,
          values: named(this.#parameters, cut(told.places[2], index, widths[0])),
          state,
          value: state === 'finished' ? objectives[0] : null,
          objectives: numbers(this.#objectives, objectives),
          constraints: numbers(this.#constraints, cut(measured.places[1], index, widths[2])),
          reports: this.#reports(arena, id),
        };
      });
    });
  }

  #reports(arena, id) {
    const { rows, places } = columns(arena, 'optiformer_study_reports', [this.#handle.place, BigInt(id)], [8, 8]);
    const values = arena.read(places[1], rows);
    return wholes(places[0], rows).map((step, index) => [step, values[index]]);
  }

  /** A configuration to try before any other; what it leaves open is filled in. */
  enqueue(values) {
    withArena((arena) => {
      const numbers = row(this.#parameters, values);
      call(arena, 'optiformer_study_enqueue', this.#handle.place, arena.doubles(numbers), numbers.length);
    });
  }

  /** The best trial so far; null when none has finished. */
  best() {
    return orNull(() =>
      withArena((arena) => {
        const [id, value] = [arena.bytes(8), arena.bytes(8)];
        const values = arena.doubles(this.#parameters.map(() => NaN));
        call(arena, 'optiformer_study_best', this.#handle.place, id, values, this.#parameters.length, value);
        return { ...this.#trial(arena, id, values), value: memory().getFloat64(value, true) };
      }),
    );
  }

  /** Why a trial, which is pending, was suggested. */
  explain(id) {
    return withArena((arena) => {
      const out = arena.bytes(EXPLANATION_SIZE);
      memory().setUint32(out, EXPLANATION_SIZE, true);
      call(arena, 'optiformer_study_explain', this.#handle.place, unsigned('id', id), out);
      const [median, deviation, improvement, feasibility] = arena.read(out + 72, 4);
      return { sampler: textIn(out + 4), origin: textIn(out + 36), median, deviation, improvement, feasibility };
    });
  }

  /** How many trials have finished, have failed, are pending, and were pruned. */
  counts() {
    return withArena((arena) => {
      const [pending, finished, failed, pruned] = STATES.map((_, state) => {
        const out = arena.bytes(4);
        call(arena, 'optiformer_study_state_count', this.#handle.place, state, out);
        return memory().getUint32(out, true);
      });
      return { finished, failed, pending, pruned };
    });
  }

  /** Runs more trials, and gives the best of the study. */
  async optimize(objective, options = {}) {
    checkOptions(options, ['trials', 'jobs', 'signal', 'onTrial']);
    const { trials, jobs = 1, signal, onTrial } = options;
    if (!Number.isInteger(trials) || trials < 0) throw invalid(`trials is a whole number, not ${trials}`);
    if (!Number.isInteger(jobs) || jobs < 1) throw invalid(`jobs is a whole number above 0, not ${jobs}`);
    let left = trials;
    const thrown = [];
    let made = 0;
    const worker = async () => {
      while (left-- > 0) {
        signal?.throwIfAborted();
        const trial = this.#next();
        if (trial === null) return;
        made++;
        await this.#run(trial, objective, signal, onTrial, thrown);
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: Math.min(jobs, trials) }, worker));
    const failure = ended.find(({ status }) => status === 'rejected');
    if (failure) throw failure.reason;
    // A mistake of the objective rather than of its configurations.
    if (made > 0 && thrown.length === made) throw thrown[made - 1];
    return this.best();
  }

  /** The next trial; null where everything has been tried. */
  #next() {
    try {
      return this.ask();
    } catch (error) {
      if (error instanceof OptiFormerError && error.status === 'EXHAUSTED') return null;
      throw error;
    }
  }

  async #run(trial, objective, signal, onTrial, thrown) {
    let value = null;
    try {
      const returned = await objective(trial.values, trial);
      value = typeof returned?.next === 'function' ? await this.#follow(trial.id, returned) : returned;
    } catch (error) {
      // A misspelt parameter is a mistake of the program, and an abort says nothing about the
      // configuration.
      if (error instanceof OptiFormerError || signal?.aborted) throw error;
      thrown.push(error);
    }
    if (value === undefined) throw invalid('the objective returned nothing; return a number, or null for a failed trial');
    let measured = {};
    // What has constraints is an object with both.
    if (value !== null && typeof value === 'object' && 'constraints' in value) {
      measured = { constraints: value.constraints };
      value = value.value;
    }
    if (value === PRUNED) {
      this.tellPruned(trial.id);
      value = null;
    } else if (value === null) this.tellFailed(trial.id);
    else this.tell(trial.id, value, measured);
    onTrial?.({ ...trial, value: typeof value === 'number' && !Number.isFinite(value) ? null : value });
  }

  /** Reports what a generator yields, until it returns or the pruner ends the trial. */
  async #follow(id, values) {
    try {
      for (let step = 1; ; step++) {
        const { value, done } = await values.next();
        if (done) return value;
        if (typeof value === 'number' && !Number.isFinite(value)) continue;
        this.report(id, step, value);
        if (this.shouldStop(id)) return PRUNED;
      }
    } finally {
      // Its own finally blocks run; one that has ended knows, and an iterator need not have it.
      await values.return?.();
    }
  }

  free() {
    this.#handle.free();
  }
}

/** Minimizes a function over a space. */
export async function minimize(objective, space, { trials = 100, jobs, signal, onTrial, ...options } = {}) {
  checkOptions(options, ['trials', 'jobs', 'signal', 'onTrial', ...KNOWN]);
  const study = new Study(space, options);
  try {
    return await study.optimize(objective, { trials, jobs: jobs ?? 1, signal, onTrial });
  } finally {
    study.free();
  }
}
