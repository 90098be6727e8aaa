import { call, memory, unsigned, withArena } from './library.js';
import { invalid } from './error.js';
import { asSpace } from './space.js';
import { checkOptions } from './study.js';

// struct_size, sampler, model, padding, seed and number of optiformer_suggest_options.
const OPTIONS_SIZE = 32;
const KNOWN = ['history', 'losses', 'pending', 'count', 'seed', 'number', 'sampler', 'model'];

function flat(name, rows, width) {
  return rows.flatMap((row, index) => {
    if (row.length !== width) throw invalid(`${name}, row ${index}: ${row.length} values for ${width} parameters`);
    return row;
  });
}

/** Configurations to try next: a pure function of its arguments. */
export function suggest(space, options = {}) {
  checkOptions(options, KNOWN);
  const { history = [], losses = [], pending = [], count = 1, seed = 0, number = 0, sampler = 'auto', model } = options;
  if (history.length !== losses.length) throw invalid(`${history.length} trials and ${losses.length} losses`);
  if (!Number.isInteger(count) || count < 0) throw invalid(`count is a whole number, not ${count}`);
  const made = asSpace(space);
  try {
    const width = made._parameters.length;
    return withArena((arena) => {
      const [past, waiting] = [flat('history', history, width), flat('pending', pending, width)];
      const raw = arena.bytes(OPTIONS_SIZE);
      const name = arena.text('sampler', sampler);
      const out = arena.bytes(8 * count * width);
      const view = memory();
      view.setUint32(raw, OPTIONS_SIZE, true);
      view.setUint32(raw + 4, name, true);
      view.setUint32(raw + 8, model?._place ?? 0, true);
      view.setBigUint64(raw + 16, unsigned('seed', seed), true);
      view.setBigUint64(raw + 24, unsigned('number', number), true);
      const args = [arena.doubles(past), arena.doubles(losses), losses.length, arena.doubles(waiting), pending.length];
      call(arena, 'optiformer_suggest', made._place, raw, ...args, out, count);
      return Array.from({ length: count }, (_, index) => arena.read(out + 8 * width * index, width));
    });
  } finally {
    if (made !== space) made.free();
  }
}
