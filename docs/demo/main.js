// The page: what is pressed, what the worker answers, and when to draw.

import { Panels, SAMPLERS } from './panels.js';
import { setUpProblem } from './problem.js';

const element = (id) => document.getElementById(id);
const [play, step, reset, status] = ['play', 'step', 'reset', 'status'].map(element);

/** Milliseconds between two trials, by the position of the slider. */
const PAUSES = [2000, 1000, 500, 200, 60, 0];

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
const panels = new Panels();

const state = {
  /** The number of the run; answers to earlier ones are dropped. */
  run: 0,
  problem: null,
  playing: false,
  /** Whether the worker owes an answer. */
  waiting: false,
  /** Steps that were asked for in the meantime. */
  owed: 0,
  timer: 0,
  broken: false,
};

/** A field's whole number within its bounds. */
function whole(id) {
  const field = element(id);
  const value = Math.round(Number(field.value));
  const kept = Math.min(Math.max(Number.isFinite(value) ? value : 0, Number(field.min)), Number(field.max));
  field.value = kept;
  return kept;
}

const improvement = () => document.querySelector('input[name="shade"]:checked').value === 'improvement';
const chosen = () => [...document.querySelectorAll('#samplers input:checked')].map(({ value }) => value);
const finished = () => panels.trials >= panels.room;

function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

/** Begins a run of what the form and the controls say. */
function begin() {
  if (state.broken || !state.problem) return;
  pause();
  state.run += 1;
  state.owed = 0;
  const samplers = chosen();
  const { expression, x, y } = state.problem;
  panels.begin(samplers, state.problem, whole('trials'));
  panels.draw(improvement());
  send('start', { settings: { expression, x, y, samplers, seed: whole('seed') } });
}

function send(type, rest = {}) {
  state.waiting = true;
  worker.postMessage({ type, run: state.run, shade: improvement(), ...rest });
}

function takeStep() {
  if (state.waiting || state.broken || finished()) return;
  send('step');
}

function pause() {
  clearTimeout(state.timer);
  state.playing = false;
  play.textContent = 'Play';
}

function resume() {
  if (finished()) begin();
  state.playing = true;
  play.textContent = 'Pause';
  takeStep();
}

/** After an answer: the steps that are owed, or the next trial of a run that plays. */
function goOn() {
  if (state.waiting) return;
  if (state.owed > 0) {
    state.owed -= 1;
    takeStep();
  } else if (state.playing) {
    // An answer about the shade comes while the timer runs.
    clearTimeout(state.timer);
    state.timer = setTimeout(takeStep, PAUSES[whole('speed')]);
  }
}

function fail(message, fatal = true) {
  pause();
  state.waiting = false;
  state.broken = fatal;
  for (const button of [play, step, reset]) button.disabled = fatal;
  say(fatal ? `${message} Reload the page to go on.` : message);
}

const answers = {
  ready({ version }) {
    element('version').textContent = version;
    for (const button of [play, step, reset]) button.disabled = false;
  },
  state({ panels: reports, shade }) {
    state.waiting = false;
    panels.take(reports);
    // The shade was changed while the worker was at this answer.
    if (improvement() && !shade) send('shade');
    panels.draw(improvement());
    if (finished()) {
      pause();
      say(`${panels.trials} trials each. Best: ${panels.summary()}.`);
    } else {
      say(`${panels.trials} of ${panels.room} trials each.`);
    }
    goOn();
  },
  ratings({ panels: reports }) {
    state.waiting = false;
    panels.rate(reports);
    panels.draw(improvement());
    goOn();
  },
  failed({ message, fatal }) {
    fail(message, fatal);
  },
};

worker.onmessage = ({ data }) => {
  if (data.run === undefined || data.run === null || data.run === state.run) answers[data.type](data);
};
worker.onerror = (event) => {
  event.preventDefault();
  fail(`The optimizer stopped: ${event.message ?? 'its script did not load'}.`);
};

function setUpSamplers() {
  const set = element('samplers');
  for (const { name, about, first } of SAMPLERS) {
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', value: name, checked: first });
    const label = Object.assign(document.createElement('label'), { title: about });
    label.append(box, ` ${name}`);
    set.append(label);
    // Something is always shown.
    box.addEventListener('change', () => {
      if (chosen().length === 0) box.checked = true;
      else begin();
    });
  }
}

function setUpControls() {
  play.addEventListener('click', () => (state.playing ? pause() : resume()));
  step.addEventListener('click', () => {
    pause();
    if (state.waiting) state.owed += 1;
    else takeStep();
  });
  reset.addEventListener('click', begin);
  for (const id of ['trials', 'seed']) element(id).addEventListener('change', begin);
  for (const radio of document.querySelectorAll('input[name="shade"]')) {
    radio.addEventListener('change', () => {
      element('ramp-text').textContent = improvement() ? 'more to less promising' : 'low to high';
      panels.draw(improvement());
      // While a step is under way its answer is the first with ratings.
      if (improvement() && !state.waiting && !state.broken) send('shade');
    });
  }
}

setUpSamplers();
setUpControls();
setUpProblem((problem) => {
  state.problem = problem;
  begin();
});
const redraw = () => panels.draw(improvement());
new ResizeObserver(redraw).observe(element('panels'));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
