import { Handle, call, handle, memory, textIn, unsigned, withArena } from './library.js';
import { OptiFormerError, invalid } from './error.js';
import { asSpace, named, row } from './space.js';

// struct_size, direction, sampler, model and seed of optiformer_study_options.
const OPTIONS_SIZE = 24;
// struct_size, sampler[32], origin[32], median, deviation and improvement of
// optiformer_explanation.
const EXPLANATION_SIZE = 96;

const DIRECTIONS = ['minimize', 'maximize'];
const KNOWN = ['direction', 'sampler', 'model', 'seed'];

/** Refuses an option that is misspelt, which would quietly have no effect. */
export function checkOptions(options, known) {
  const stranger = Object.keys(options).find((name) => !known.includes(name));
  if (stranger !== undefined) throw invalid(`there is no option ${JSON.stringify(stranger)}; there are ${known.join(', ')}`);
}

/** One optimization, which hands out trials and is told how they went. */
export class Study {
  #handle;
  #parameters;

  constructor(space, options = {}) {
    checkOptions(options, KNOWN);
    const { direction = 'minimize', sampler = 'auto', model, seed = 0 } = options;
    if (!DIRECTIONS.includes(direction)) {
      throw invalid(`direction is 'minimize' or 'maximize', not ${JSON.stringify(direction)}`);
    }
    const made = asSpace(space);
    this.#parameters = made._parameters;
    const place = withArena((arena) => {
      const raw = arena.bytes(OPTIONS_SIZE);
      const name = arena.text('sampler', sampler);
      const view = memory();
      view.setUint32(raw, OPTIONS_SIZE, true);
      view.setInt32(raw + 4, DIRECTIONS.indexOf(direction), true);
      view.setUint32(raw + 8, name, true);
      view.setUint32(raw + 12, model?._place ?? 0, true);
      view.setBigUint64(raw + 16, unsigned('seed', seed), true);
      return handle(arena, 'optiformer_study_new', made._place, raw);
    });
    if (made !== space) made.free();
    this.#handle = new Handle('study', 'optiformer_study_free', place);
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
  tell(id, value) {
    if (typeof value !== 'number') throw invalid(`the value of trial ${id} is a number, not ${typeof value}`);
    withArena((arena) => call(arena, 'optiformer_study_tell', this.#handle.place, unsigned('id', id), value));
  }

  /** That a trial failed: it is kept, and avoided. */
  tellFailed(id) {
    withArena((arena) => call(arena, 'optiformer_study_tell_failed', this.#handle.place, unsigned('id', id)));
  }

  /** Adds a trial that was made elsewhere, and returns its id. */
  add(values, value) {
    if (typeof value !== 'number') throw invalid(`the value of a trial is a number, not ${typeof value}`);
    return withArena((arena) => {
      const id = arena.bytes(8);
      const numbers = row(this.#parameters, values);
      call(arena, 'optiformer_study_add', this.#handle.place, arena.doubles(numbers), numbers.length, value, id);
      return Number(memory().getBigUint64(id, true));
    });
  }

  /** A configuration to try before any other. */
  enqueue(values) {
    withArena((arena) => {
      const numbers = row(this.#parameters, values);
      call(arena, 'optiformer_study_enqueue', this.#handle.place, arena.doubles(numbers), numbers.length);
    });
  }

  /** The best trial so far; null when none has finished. */
  best() {
    try {
      return withArena((arena) => {
        const [id, value] = [arena.bytes(8), arena.bytes(8)];
        const values = arena.doubles(this.#parameters.map(() => NaN));
        call(arena, 'optiformer_study_best', this.#handle.place, id, values, this.#parameters.length, value);
        return { ...this.#trial(arena, id, values), value: memory().getFloat64(value, true) };
      });
    } catch (error) {
      if (error instanceof OptiFormerError && error.status === 'NOT_FOUND') return null;
      throw error;
    }
  }

  /** Why a trial, which is pending, was suggested. */
  explain(id) {
    return withArena((arena) => {
      const out = arena.bytes(EXPLANATION_SIZE);
      memory().setUint32(out, EXPLANATION_SIZE, true);
      call(arena, 'optiformer_study_explain', this.#handle.place, unsigned('id', id), out);
      const [median, deviation, improvement] = arena.read(out + 72, 3);
      return { sampler: textIn(out + 4), origin: textIn(out + 36), median, deviation, improvement };
    });
  }

  /** How many trials have finished, failed, and are pending. */
  counts() {
    return withArena((arena) => {
      const places = [arena.bytes(4), arena.bytes(4), arena.bytes(4)];
      call(arena, 'optiformer_study_counts', this.#handle.place, ...places);
      const [finished, failed, pending] = places.map((place) => memory().getUint32(place, true));
      return { finished, failed, pending };
    });
  }

  /** Runs more trials, and gives the best of the study. */
  async optimize(objective, options = {}) {
    checkOptions(options, ['trials', 'jobs', 'signal', 'onTrial']);
    const { trials, jobs = 1, signal, onTrial } = options;
    if (!Number.isInteger(trials) || trials < 0) throw invalid(`trials is a whole number, not ${trials}`);
    if (!Number.isInteger(jobs) || jobs < 1) throw invalid(`jobs is a whole number above 0, not ${jobs}`);
    let left = trials;
    const worker = async () => {
      while (left-- > 0) {
        signal?.throwIfAborted();
        await this.#run(objective, signal, onTrial);
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: Math.min(jobs, trials) }, worker));
    const failure = ended.find(({ status }) => status === 'rejected');
    if (failure) throw failure.reason;
    return this.best();
  }

  async #run(objective, signal, onTrial) {
    const trial = this.ask();
    let value = null;
    try {
      value = await objective(trial.values, trial);
    } catch (error) {
      // A misspelt parameter is a mistake of the program, and an abort says nothing about the
      // configuration.
      if (error instanceof OptiFormerError || signal?.aborted) throw error;
    }
    if (value === undefined) throw invalid('the objective returned nothing; return a number, or null for a failed trial');
    if (value === null) this.tellFailed(trial.id);
    else this.tell(trial.id, value);
    onTrial?.({ ...trial, value: Number.isFinite(value) ? value : null });
  }

  free() {
    this.#handle.free();
  }
}

/** Minimizes a function over a space. */
export async function minimize(objective, space, { trials = 100, jobs, signal, onTrial, ...options } = {}) {
  const study = new Study(space, options);
  try {
    return await study.optimize(objective, { trials, jobs: jobs ?? 1, signal, onTrial });
  } finally {
    study.free();
  }
}
