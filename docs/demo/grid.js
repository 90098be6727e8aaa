// The grid on which samplers are asked for their predictions.

/** Points on a side. The transformer rates about ten thousand a second on one core. */
export const GRID = 28;

/** The point of an index, row by row from the lowest y. */
export function gridPoint(index, x, y) {
  const [column, row] = [index % GRID, Math.floor(index / GRID)];
  return [x[0] + ((x[1] - x[0]) * (column + 0.5)) / GRID, y[0] + ((y[1] - y[0]) * (row + 0.5)) / GRID];
}
