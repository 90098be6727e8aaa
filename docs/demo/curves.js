// The best value so far of each sampler, beside the others.

import { fitted, palette, ticks, tickText } from './drawing.js';

const MARGIN = { left: 52, right: 12, top: 24, bottom: 36 };

/** Distances below this are drawn on the lower edge. */
const FLOOR = 1e-8;

/** Lines that a person who cannot tell the colors tells apart. */
export const DASHES = {
  auto: [],
  optiformer: [8, 3],
  gp: [6, 3, 2, 3],
  tpe: [3, 3],
  local_search: [12, 3],
  cma_es: [10, 3, 2, 3, 2, 3],
  sobol: [1, 3],
  random: [4, 4],
};

/** The lowest value after each trial; null until one has succeeded. */
export function bestSoFar(trials) {
  let best = null;
  return trials.map(({ value }) => {
    if (value !== null && (best === null || value < best)) best = value;
    return best;
  });
}

/** The axis of the values: logarithmic in the distance to the lowest one where that is known. */
function scaleOf(all, lowest) {
  const known = all.flat().filter((value) => value !== null);
  if (lowest !== null) {
    const distances = known.map((value) => Math.log10(Math.max(value - lowest, FLOOR)));
    const high = Math.ceil(Math.max(0, ...distances));
    const low = Math.floor(Math.min(high - 2, ...distances));
    const step = Math.ceil((high - low) / 6);
    const powers = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, index) => high - index * step);
    return {
      title: 'best value so far − lowest value',
      share: (value) => (Math.log10(Math.max(value - lowest, FLOOR)) - low) / (high - low),
      marks: powers.map((power) => [(power - low) / (high - low), power === 0 ? '1' : `1e${power}`]),
    };
  }
  const [low, high] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  const [from, to] = [low - pad, high + pad];
  const share = (value) => (value - from) / (to - from);
  return { title: 'best value so far', share, marks: ticks(from, to, 5).map((tick) => [share(tick), tickText(tick)]) };
}

/**
 * Draws the curves.
 * @param series Pairs of a sampler and its trials.
 * @param trials Trials that the axis has room for.
 */
export function drawCurves(canvas, series, trials, lowest) {
  const { context, box } = fitted(canvas, MARGIN);
  const colors = palette(canvas);
  const curves = series.map(([sampler, told]) => [sampler, bestSoFar(told)]);
  const scale = scaleOf(curves.map(([, values]) => values), lowest);
  const across = (number) => box.left + (box.width * (number - 1)) / Math.max(trials - 1, 1);
  const up = (share) => box.top + box.height * (1 - share);
  drawFrame(context, box, scale, trials, { across, up }, colors);
  // The first sampler lies on top.
  for (const [sampler, values] of curves.reverse()) {
    context.strokeStyle = colors.series(sampler);
    context.lineWidth = sampler === 'auto' ? 2.5 : 2;
    context.setLineDash(DASHES[sampler]);
    context.beginPath();
    let last = null;
    values.forEach((value, index) => {
      if (value === null) return;
      const [left, top] = [across(index + 1), up(scale.share(value))];
      if (last !== null) context.lineTo(left, last);
      context.lineTo(left, top);
      last = top;
    });
    context.stroke();
    if (values.length === 1 && last !== null) context.fillRect(across(1) - 2, last - 2, 4, 4);
  }
  context.setLineDash([]);
}

function drawFrame(context, box, scale, trials, { across, up }, colors) {
  context.font = colors.font;
  context.fillStyle = colors.muted;
  context.strokeStyle = colors.rule;
  context.lineWidth = 1;
  context.textAlign = 'left';
  context.textBaseline = 'top';
  context.fillText(scale.title, 2, 2);
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const [share, text] of scale.marks) {
    const top = Math.round(up(share)) + 0.5;
    context.beginPath();
    context.moveTo(box.left, top);
    context.lineTo(box.left + box.width, top);
    context.stroke();
    context.fillText(text, box.left - 6, top);
  }
  context.textAlign = 'center';
  context.textBaseline = 'top';
  for (const tick of ticks(1, trials, 5).filter((number) => number >= 1 && Number.isInteger(number))) {
    context.fillText(tickText(tick), across(tick), box.top + box.height + 5);
  }
  context.fillText('trials', box.left + box.width / 2, box.top + box.height + 20);
}
