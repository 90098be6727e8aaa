// A function on a grid: what a panel draws behind its trials.

/** Cells on a side. */
const CELLS = 96;

/** Isolines: as many of the grid's values lie between each two, whatever the function's scale. */
const LEVELS = 12;

/** The values of a function at the corners of a grid, row by row from the lowest y. */
export class Landscape {
  constructor(objective, x, y) {
    this.x = x;
    this.y = y;
    this.size = CELLS + 1;
    this.values = new Float64Array(this.size * this.size);
    for (let row = 0; row < this.size; row += 1) {
      for (let column = 0; column < this.size; column += 1) {
        const at = [x[0] + ((x[1] - x[0]) * column) / CELLS, y[0] + ((y[1] - y[0]) * row) / CELLS];
        this.values[row * this.size + column] = objective(...at);
      }
    }
    const sorted = this.values.filter(Number.isFinite).sort();
    this.empty = sorted.length === 0;
    this.levels = Array.from({ length: LEVELS }, (_, index) =>
      sorted[Math.floor(((index + 0.5) / LEVELS) * sorted.length)],
    );
    this.shades = Float64Array.from(this.values, (value) => rank(sorted, value));
  }

  /** The isoline at a level as line segments [x0, y0, x1, y1] in grid coordinates. */
  isoline(level) {
    const segments = [];
    for (let row = 0; row < CELLS; row += 1) {
      for (let column = 0; column < CELLS; column += 1) this.#cross(row, column, level, segments);
    }
    return segments;
  }

  // Marching squares. A saddle's two segments may be joined either way; the eye cannot tell.
  #cross(row, column, level, segments) {
    const { size, values } = this;
    const corners = [
      [column, row],
      [column + 1, row],
      [column + 1, row + 1],
      [column, row + 1],
    ];
    const heights = corners.map(([c, r]) => values[r * size + c] - level);
    if (!heights.every(Number.isFinite)) return;
    const crossings = [];
    for (let side = 0; side < 4; side += 1) {
      const [a, b] = [heights[side], heights[(side + 1) % 4]];
      if (a < 0 === b < 0) continue;
      const [from, to] = [corners[side], corners[(side + 1) % 4]];
      const share = a / (a - b);
      crossings.push([from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]);
    }
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      segments.push([...crossings[pair], ...crossings[pair + 1]]);
    }
  }
}

/** The share of the sorted values below a value; NaN for one that is not finite. */
function rank(sorted, value) {
  if (!Number.isFinite(value)) return NaN;
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low / sorted.length;
}
