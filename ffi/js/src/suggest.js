import { call, memory, unsigned, withArena } from './library.js';
import { invalid } from './error.js';
import { asSpace } from './space.js';
import { checkOptions } from './study.js';

// struct_size, sampler, model, padding, seed, number, cache, objective_count, constraints and
// constraint_count of optiformer_suggest_options.
const OPTIONS_SIZE = 48;
const SHARED = ['history', 'losses', 'pending', 'seed', 'number', 'sampler', 'model', 'constraints'];

function flat(name, rows, width, of = 'parameters') {
  return rows.flatMap((row, index) => {
    if (row.length !== width) throw invalid(`${name}, row ${index}: ${row.length} values for ${width} ${of}`);
    return row;
  });
}

/** The losses one after the other, and how many a trial has. */
function flatLosses(losses) {
  if (!Array.isArray(losses[0])) return [losses, 1];
  return [flat('losses', losses, losses[0].length, 'objectives'), losses[0].length];
}

/**
 * Calls `body` with memory, and the arguments that the functions without a study share: space,
 * options, the trials so far and pending ones.
 */
function withRequest(space, options, body) {
  const { history = [], losses = [], pending = [], seed = 0, number = 0, sampler = 'auto', model, constraints = [] } = options;
  if (history.length !== losses.length) throw invalid(`${history.length} trials and ${losses.length} losses`);
  if (constraints.length !== 0 && constraints.length !== history.length) {
    throw invalid(`${history.length} trials and ${constraints.length} rows of constraints`);
  }
  const made = asSpace(space);
  try {
    const width = made._parameters.length;
    return withArena((arena) => {
      const [past, waiting] = [flat('history', history, width), flat('pending', pending, width)];
      const [told, objectives] = flatLosses(losses);
      const constraintCount = constraints[0]?.length ?? 0;
      const measured = arena.doubles(flat('constraints', constraints, constraintCount, 'constraints'));
      const raw = arena.bytes(OPTIONS_SIZE);
      const name = arena.text('sampler', sampler);
      const view = memory();
      view.setUint32(raw, OPTIONS_SIZE, true);
      view.setUint32(raw + 4, name, true);
      view.setUint32(raw + 8, model?._place ?? 0, true);
      view.setBigUint64(raw + 16, unsigned('seed', seed), true);
      view.setBigUint64(raw + 24, unsigned('number', number), true);
      view.setUint32(raw + 36, objectives, true);
      view.setUint32(raw + 40, measured, true);
      view.setUint32(raw + 44, constraintCount, true);
      const trials = [arena.doubles(past), arena.doubles(told), history.length, arena.doubles(waiting), pending.length];
      return body(arena, [made._place, raw, ...trials], width);
    });
  } finally {
    if (made !== space) made.free();
  }
}

/** Configurations to try next: a pure function of its arguments. */
export function suggest(space, options = {}) {
  checkOptions(options, [...SHARED, 'count']);
  const { count = 1 } = options;
  if (!Number.isInteger(count) || count < 0) throw invalid(`count is a whole number, not ${count}`);
  return withRequest(space, options, (arena, request, width) => {
    const out = arena.bytes(8 * count * width);
    call(arena, 'optiformer_suggest', ...request, out, count);
    return Array.from({ length: count }, (_, index) => arena.read(out + 8 * width * index, width));
  });
}

/** The order in which to try given configurations: a pure function of its arguments. */
export function choose(space, candidates, options = {}) {
  checkOptions(options, SHARED);
  return withRequest(space, options, (arena, request, width) => {
    const given = arena.doubles(flat('candidates', candidates, width));
    const count = candidates.length;
    const [order, ratings] = [arena.bytes(4 * count), arena.bytes(8 * count)];
    call(arena, 'optiformer_choose', ...request, given, count, order, ratings);
    const view = memory();
    const places = Array.from({ length: count }, (_, index) => view.getUint32(order + 4 * index, true));
    return { order: places, ratings: arena.read(ratings, count) };
  });
}
