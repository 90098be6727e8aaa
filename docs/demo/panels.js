// The panels, one a sampler, and the table and curves beside them.

import { drawPanel, shadesOf } from './contours.js';
import { DASHES, drawCurves } from './curves.js';
import { shown } from './drawing.js';

/** The samplers that the page offers, with what each is and whether it is shown at first. */
export const SAMPLERS = [
  { name: 'auto', about: 'Gaussian process, local search and transformer together', first: true },
  { name: 'tpe', about: 'tree-structured Parzen estimator', first: true },
  { name: 'gp', about: 'Gaussian process', first: true },
  { name: 'random', about: 'random search', first: true },
  { name: 'optiformer', about: 'the transformer alone', first: false },
  { name: 'local_search', about: 'local search', first: false },
  { name: 'cma_es', about: 'covariance matrix adaptation', first: false },
  { name: 'sobol', about: 'low-discrepancy sequence', first: false },
];

const ORIGINS = {
  policy: 'proposed by the transformer',
  neighbor: 'near a good trial',
  spread: 'spread over the space',
  refined: 'refined from better candidates',
  step: 'a step of the local model',
  draw: 'drawn at random',
};

/** What `auto` asks, in words. */
const ASKED = { stack: 'both models', local_search: 'local search', gp: 'the Gaussian process' };

/** The elements of one sampler. */
class Panel {
  trials = [];
  next = null;
  shades = null;
  #times = [];

  constructor(sampler) {
    this.sampler = sampler;
    this.about = SAMPLERS.find(({ name }) => name === sampler).about;
    this.figure = document.createElement('figure');
    this.figure.className = 'card panel';
    this.figure.dataset.sampler = sampler;
    const title = document.createElement('h3');
    title.append(swatch(sampler), sampler);
    this.canvas = document.createElement('canvas');
    this.canvas.setAttribute('role', 'img');
    this.caption = document.createElement('p');
    this.figure.append(title, this.canvas, this.caption);
    this.row = document.createElement('tr');
    this.row.dataset.sampler = sampler;
  }

  take({ trial, next, milliseconds, ratings }) {
    if (trial && trial.id !== this.trials.at(-1)?.id) this.trials.push(trial);
    this.next = next;
    this.#times.push(milliseconds);
    this.rate(ratings);
  }

  rate(ratings) {
    this.shades = ratings && shadesOf(ratings, this.sampler);
  }

  get best() {
    return this.trials.reduce((best, trial) => {
      const better = trial.value !== null && (best === null || trial.value < best.value);
      return better ? trial : best;
    }, null);
  }

  draw(landscape, improvement) {
    const { trials, best, next } = this;
    const shades = improvement ? (this.shades ?? 'none') : 'function';
    drawPanel(this.canvas, { landscape, shades, trials, best, next });
    const where = best ? `best ${shown(best.value)} at ${shown(best.x)}, ${shown(best.y)}` : 'no value yet';
    this.canvas.setAttribute('aria-label', `${this.sampler}, ${this.about}: ${trials.length} trials, ${where}`);
    this.caption.textContent = this.#sentence(improvement);
    this.#writeRow(best);
  }

  #sentence(improvement) {
    if (improvement && this.shades === null) {
      return this.trials.length < 2 ? 'A prediction needs two trials.' : `${this.about}: predicts no values.`;
    }
    if (!this.next) return this.about;
    const { origin, median, deviation, improvement: gain, sampler } = this.next.explanation;
    const by = sampler === this.sampler ? '' : `, by ${ASKED[sampler] ?? sampler}`;
    const reason = `Next${by}: ${ORIGINS[origin] ?? origin}`;
    if (!Number.isFinite(median)) return `${reason}.`;
    const gained = Number.isFinite(gain) ? `, improvement ${shown(gain)} expected` : '';
    return `${reason}, value ${shown(median)} ± ${shown(deviation)}${gained}.`;
  }

  #writeRow(best) {
    const mean = this.#times.reduce((sum, time) => sum + time, 0) / Math.max(this.#times.length, 1);
    const name = document.createElement('th');
    name.scope = 'row';
    name.append(swatch(this.sampler), this.sampler);
    const cells = [
      best ? shown(best.value) : '–',
      best ? `${best.x.toFixed(3)}, ${best.y.toFixed(3)}` : '–',
      this.#times.length ? mean.toFixed(mean < 10 ? 2 : 0) : '–',
    ].map((text) => Object.assign(document.createElement('td'), { textContent: text }));
    this.row.replaceChildren(name, ...cells);
    this.row.dataset.trials = this.trials.length;
    this.row.dataset.best = best ? best.value : '';
  }
}

function swatch(sampler) {
  const line = document.createElement('span');
  line.className = 'swatch';
  line.style.borderTop = `3px ${DASHES[sampler].length ? 'dashed' : 'solid'} var(--series-${sampler})`;
  return line;
}

/** All panels of a run. */
export class Panels {
  #panels = [];

  /** Replaces the panels by empty ones of these samplers. */
  begin(samplers, problem, trials) {
    this.problem = problem;
    this.room = trials;
    this.#panels = samplers.map((sampler) => new Panel(sampler));
    document.getElementById('panels').replaceChildren(...this.#panels.map(({ figure }) => figure));
    document.getElementById('scores').replaceChildren(...this.#panels.map(({ row }) => row));
  }

  /** Trials of every sampler so far. */
  get trials() {
    return this.#panels[0]?.trials.length ?? 0;
  }

  take(reports) {
    for (const report of reports) this.#of(report.sampler)?.take(report);
  }

  rate(reports) {
    for (const { sampler, ratings } of reports) this.#of(sampler)?.rate(ratings);
  }

  #of(sampler) {
    return this.#panels.find((panel) => panel.sampler === sampler);
  }

  draw(improvement) {
    for (const panel of this.#panels) panel.draw(this.problem.landscape, improvement);
    const series = this.#panels.map(({ sampler, trials }) => [sampler, trials]);
    drawCurves(document.getElementById('curves'), series, this.room, this.problem.lowest);
  }

  /** The samplers' results in words. */
  summary() {
    return this.#panels.map(({ sampler, best }) => `${sampler} ${best ? shown(best.value) : 'none'}`).join(', ');
  }
}
