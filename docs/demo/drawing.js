// What the drawings share: canvases in device pixels, colors of the page's style, and axes.

/** Prepares a canvas for drawing in CSS pixels, and clears it; `box` lies within the margin. */
export function fitted(canvas, margin) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  const box = {
    left: margin.left,
    top: margin.top,
    width: width - margin.left - margin.right,
    height: height - margin.top - margin.bottom,
  };
  return { context, box };
}

/** The colors of the style sheet, which follow the light or dark scheme. */
export function palette(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    heat: [read('heat-0'), read('heat-1'), read('heat-2')],
    isoline: read('isoline'),
    missing: read('missing'),
    trial: read('trial'),
    halo: read('halo'),
    best: read('best'),
    next: read('next'),
    failed: read('failed'),
    rule: read('rule'),
    muted: read('muted'),
    font: `12px ${style.fontFamily}`,
    series: (sampler) => read(`series-${sampler}`),
  };
}

/** The channels of a color written as #rrggbb. */
export function rgb(color) {
  return [1, 3, 5].map((place) => parseInt(color.slice(place, place + 2), 16));
}

/** About `count` round numbers in [low, high]. */
export function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** A round number as an axis shows it. */
export function tickText(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(0) : String(Number(value.toPrecision(4)));
}

/** A measured number for people. */
export function shown(value) {
  if (value === null || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(2);
  return value.toFixed(size >= 100 ? 1 : 4);
}
