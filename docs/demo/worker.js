// The studies of the page, in a thread of their own so that the page stays responsive. Each study
// has its next trial in hand: what a step does is to evaluate it and to ask for the one after it.

import { parse } from './expression.js';
import { GRID, gridPoint } from './grid.js';

/** Samplers that rate given configurations by a number. */
const RATING = new Set(['auto', 'optiformer', 'gp', 'tpe']);

let library = null;
let run = null;

/** One study, with the numbers that a stateless rating takes. */
class Watched {
  #study;
  #space;
  #objective;
  #history = [];
  #losses = [];
  #seed;

  constructor(sampler, { expression, x, y, seed }) {
    this.sampler = sampler;
    this.#objective = parse(expression);
    this.#space = {
      x: { type: 'float', low: x[0], high: x[1] },
      y: { type: 'float', low: y[0], high: y[1] },
    };
    this.#seed = seed;
    this.#study = new library.Study(this.#space, { sampler, seed });
    this.milliseconds = 0;
    this.trial = null;
    this.#ask();
  }

  #ask() {
    const begin = performance.now();
    const { id, values } = this.#study.ask();
    this.milliseconds = performance.now() - begin;
    const { origin, median, deviation, improvement, sampler } = this.#study.explain(id);
    this.next = { id, x: values.x, y: values.y, explanation: { sampler, origin, median, deviation, improvement } };
  }

  step() {
    const { id, x, y } = this.next;
    const value = this.#objective(x, y);
    const failed = !Number.isFinite(value);
    if (failed) this.#study.tellFailed(id);
    else this.#study.tell(id, value);
    this.#history.push([x, y]);
    this.#losses.push(failed ? NaN : value);
    this.trial = { id, x, y, value: failed ? null : value };
    this.#ask();
  }

  /** What the sampler expects of the points of a grid; null where it predicts nothing. */
  ratings() {
    if (!RATING.has(this.sampler) || this.#history.length < 2) return null;
    const { x, y } = this.#space;
    const candidates = Array.from({ length: GRID * GRID }, (_, index) =>
      gridPoint(index, [x.low, x.high], [y.low, y.high]),
    );
    const { ratings } = library.choose(this.#space, candidates, {
      history: this.#history,
      losses: this.#losses,
      number: this.#history.length,
      seed: this.#seed,
      sampler: this.sampler,
    });
    return ratings.some(Number.isNaN) ? null : Float64Array.from(ratings);
  }

  free() {
    this.#study.free();
  }
}

function report(id, shade) {
  const panels = run.studies.map((study) => ({
    sampler: study.sampler,
    trial: study.trial,
    next: study.next,
    milliseconds: study.milliseconds,
    ratings: shade ? study.ratings() : null,
  }));
  postMessage({ type: 'state', run: id, shade, panels });
}

const actions = {
  start({ run: id, shade, settings }) {
    run?.studies.forEach((study) => study.free());
    run = { id, studies: settings.samplers.map((sampler) => new Watched(sampler, settings)) };
    report(id, shade);
  },
  step({ run: id, shade }) {
    if (run?.id !== id) return;
    for (const study of run.studies) study.step();
    report(id, shade);
  },
  shade({ run: id }) {
    if (run?.id !== id) return;
    const panels = run.studies.map((study) => ({ sampler: study.sampler, ratings: study.ratings() }));
    postMessage({ type: 'ratings', run: id, panels });
  },
};

// What arrives while the module is loading waits for it.
const loading = import('./optiformer/index.js');

onmessage = async ({ data }) => {
  try {
    library = await loading;
    actions[data.type](data);
  } catch (error) {
    // What the library refuses leaves it usable.
    const fatal = !(error instanceof library?.OptiFormerError) || ['PANIC', 'POISONED'].includes(error.status);
    postMessage({ type: 'failed', run: data.run, message: error.message, fatal });
  }
};

loading.then(
  ({ version }) => postMessage({ type: 'ready', version }),
  (error) => postMessage({ type: 'failed', run: null, message: `The module did not load: ${error.message}`, fatal: true }),
);
