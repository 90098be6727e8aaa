// A panel's picture: heat map and isolines of the function, or what a sampler predicts, with the
// trials on it.

import { GRID } from './grid.js';
import { fitted, palette, rgb, ticks, tickText } from './drawing.js';

const MARGIN = { left: 38, right: 10, top: 8, bottom: 24 };

/** Pictures of shades in [0, 1], by the array that holds them. */
const pictures = new WeakMap();

/** A picture of `size` × `size` shades, row by row from the lowest y; NaN stays clear. */
function pictureOf(shades, size, colors) {
  const key = colors.join();
  const known = pictures.get(shades);
  if (known?.key === key) return known.canvas;
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext('2d');
  const image = context.createImageData(size, size);
  for (let index = 0; index < shades.length; index += 1) {
    if (Number.isNaN(shades[index])) continue;
    const row = size - 1 - Math.floor(index / size);
    image.data.set([...blend(colors, shades[index]), 255], 4 * (row * size + (index % size)));
  }
  context.putImageData(image, 0, 0);
  pictures.set(shades, { key, canvas });
  return canvas;
}

/** A color between the stops. */
function blend(stops, share) {
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const lower = Math.min(Math.floor(place), stops.length - 2);
  const [a, b] = [rgb(stops[lower]), rgb(stops[lower + 1])];
  return a.map((channel, index) => Math.round(channel + (place - lower) * (b[index] - channel)));
}

/** Ratings as shades: 0 is the most promising. Improvements span orders of magnitude. */
export function shadesOf(ratings, sampler) {
  const [lowest, highest] = [Math.min(...ratings), Math.max(...ratings)];
  if (!(highest > lowest)) return Float64Array.from(ratings, () => 1);
  if (sampler === 'tpe') return Float64Array.from(ratings, (rating) => (highest - rating) / (highest - lowest));
  return Float64Array.from(ratings, (rating) => 1 - Math.cbrt(Math.max(rating, 0) / highest));
}

/**
 * Draws a panel.
 * @param shades What lies behind the trials: "function", "none", or the shades of a grid.
 */
export function drawPanel(canvas, { landscape, shades, trials, best, next }) {
  const { context, box } = fitted(canvas, MARGIN);
  const colors = palette(canvas);
  const place = (x, y) => [
    box.left + (box.width * (x - landscape.x[0])) / (landscape.x[1] - landscape.x[0]),
    box.top + box.height * (1 - (y - landscape.y[0]) / (landscape.y[1] - landscape.y[0])),
  ];
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  context.fillStyle = colors.missing;
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = 'high';
  if (shades === 'none') context.fillStyle = colors.heat.at(-1);
  context.fillRect(box.left, box.top, box.width, box.height);
  if (shades === 'function') drawFunction(context, box, landscape, colors);
  else if (shades !== 'none') {
    context.drawImage(pictureOf(shades, GRID, colors.heat), box.left, box.top, box.width, box.height);
  }
  drawIsolines(context, box, landscape, colors);
  // Marks on the edge are drawn whole.
  context.restore();
  drawAxes(context, box, landscape, place, colors);
  drawTrials(context, place, trials, best, colors);
  if (next) drawNext(context, place(next.x, next.y), colors);
}

// The function's values belong to the corners of cells, the picture's points to middles.
function drawFunction(context, box, { shades, size }, colors) {
  const [across, down] = [box.width / (size - 1) / 2, box.height / (size - 1) / 2];
  const picture = pictureOf(shades, size, colors.heat);
  context.drawImage(picture, box.left - across, box.top - down, box.width + 2 * across, box.height + 2 * down);
}

function drawIsolines(context, box, landscape, colors) {
  landscape.isolines ??= landscape.levels.map((level) => landscape.isoline(level));
  const cells = landscape.size - 1;
  const [across, up] = [box.width / cells, box.height / cells];
  context.strokeStyle = colors.isoline;
  context.lineWidth = 0.8;
  context.beginPath();
  for (const [x0, y0, x1, y1] of landscape.isolines.flat()) {
    context.moveTo(box.left + across * x0, box.top + box.height - up * y0);
    context.lineTo(box.left + across * x1, box.top + box.height - up * y1);
  }
  context.stroke();
}

function drawTrials(context, place, trials, best, colors) {
  context.lineWidth = 1.5;
  trials.forEach(({ x, y, value }, index) => {
    const [left, top] = place(x, y);
    const latest = index === trials.length - 1;
    if (value === null) {
      drawCross(context, left, top, latest ? 5 : 3.5, colors);
      return;
    }
    context.beginPath();
    context.arc(left, top, latest ? 5 : 3.5, 0, 2 * Math.PI);
    context.fillStyle = colors.trial;
    context.strokeStyle = colors.halo;
    context.fill();
    context.stroke();
  });
  if (best) drawStar(context, ...place(best.x, best.y), colors);
}

function drawCross(context, left, top, reach, colors) {
  for (const [style, width] of [[colors.halo, 4], [colors.failed, 2]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(left - reach, top - reach);
    context.lineTo(left + reach, top + reach);
    context.moveTo(left - reach, top + reach);
    context.lineTo(left + reach, top - reach);
    context.stroke();
  }
  context.lineWidth = 1.5;
}

function drawStar(context, left, top, colors) {
  context.beginPath();
  for (let corner = 0; corner < 10; corner += 1) {
    const angle = (corner * Math.PI) / 5 - Math.PI / 2;
    const reach = corner % 2 === 0 ? 9 : 3.8;
    context.lineTo(left + reach * Math.cos(angle), top + reach * Math.sin(angle));
  }
  context.closePath();
  context.fillStyle = colors.best;
  context.strokeStyle = colors.halo;
  context.fill();
  context.stroke();
}

function drawNext(context, [left, top], colors) {
  for (const [style, width] of [[colors.halo, 4.5], [colors.next, 2]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    context.arc(left, top, 7, 0, 2 * Math.PI);
    for (const [across, down] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(left + 4 * across, top + 4 * down);
      context.lineTo(left + 11 * across, top + 11 * down);
    }
    context.stroke();
  }
}

function drawAxes(context, box, { x, y }, place, colors) {
  context.strokeStyle = colors.rule;
  context.lineWidth = 1;
  context.strokeRect(box.left, box.top, box.width, box.height);
  context.fillStyle = colors.muted;
  context.font = colors.font;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  for (const tick of ticks(...x, 4)) context.fillText(tickText(tick), place(tick, 0)[0], box.top + box.height + 6);
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const tick of ticks(...y, 4)) context.fillText(tickText(tick), box.left - 6, place(0, tick)[1]);
}
