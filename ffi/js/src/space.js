import { Handle, handle, text, withArena } from './library.js';
import { invalid } from './error.js';

/** The document's entry of a parameter. */
function entry(name, parameter) {
  // An array is short for a choice among its elements.
  const made = Array.isArray(parameter) ? { type: 'categorical', choices: parameter } : parameter;
  if (made === null || typeof made !== 'object') {
    throw invalid(`parameter ${JSON.stringify(name)} is an object such as {type: 'float', low: 0, high: 1}, or a list of choices`);
  }
  for (const [field, value] of Object.entries(made)) {
    // JSON would turn them into null.
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw invalid(`parameter ${JSON.stringify(name)}: ${field} is ${value}`);
    }
  }
  return { name, ...made };
}

/** What may be tried: an ordered list of parameters. */
export class Space {
  #handle;
  #parameters;

  constructor(parameters) {
    const document = typeof parameters === 'string' ? parameters : Space.#document(parameters);
    const json = withArena((arena) => {
      const place = handle(arena, 'optiformer_space_from_json', arena.text('document', document));
      this.#handle = new Handle('space', 'optiformer_space_free', place);
      return text(arena, 'optiformer_space_to_json', place);
    });
    this.#parameters = JSON.parse(json).parameters;
  }

  static #document(parameters) {
    if (parameters === null || typeof parameters !== 'object') throw invalid('a space is an object of parameters');
    const entries = Array.isArray(parameters)
      ? parameters
      : Object.entries(parameters).map(([name, parameter]) => entry(name, parameter));
    return JSON.stringify({ parameters: entries });
  }

  /** The parameters' names, in order. */
  get names() {
    return this.#parameters.map(({ name }) => name);
  }

  /** The space as a JSON document. */
  toJSONText() {
    return withArena((arena) => text(arena, 'optiformer_space_to_json', this._place));
  }

  get _place() {
    return this.#handle.place;
  }

  get _parameters() {
    return this.#parameters;
  }

  free() {
    this.#handle.free();
  }
}

/** The space of a caller who may have passed its parameters. */
export function asSpace(space) {
  return space instanceof Space ? space : new Space(space);
}

/** Names that JavaScript itself and its tools read of any object. */
const OF_ANY_OBJECT = new Set(['then', 'toJSON', 'inspect', 'nodeType', '$$typeof', 'asymmetricMatch', '@@__IMMUTABLE_ITERABLE__@@']);

const unknown = (parameters, name) =>
  invalid(`the space has no parameter ${JSON.stringify(name)}; it has ${parameters.map((it) => it.name).join(', ')}`);

/**
 * A row of numbers as an object, without inactive parameters; names that the space does not have
 * throw.
 */
export function named(parameters, row) {
  const values = {};
  const known = new Set();
  parameters.forEach((parameter, index) => {
    known.add(parameter.name);
    if (Number.isNaN(row[index])) return;
    const value = parameter.type === 'categorical' ? parameter.choices[row[index]] : row[index];
    Object.defineProperty(values, parameter.name, { value, enumerable: true });
  });
  return new Proxy(Object.freeze(values), {
    get(target, name, receiver) {
      if (typeof name === 'string' && !known.has(name) && !(name in target) && !OF_ANY_OBJECT.has(name)) {
        throw unknown(parameters, name);
      }
      return Reflect.get(target, name, receiver);
    },
  });
}

/** An object as a row of numbers. */
export function row(parameters, values) {
  const names = new Set(parameters.map(({ name }) => name));
  const stranger = Object.keys(values).find((name) => !names.has(name));
  if (stranger !== undefined) throw unknown(parameters, stranger);
  return parameters.map((parameter) => {
    const { name, type, choices } = parameter;
    // The names of Object.prototype are no values.
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) return NaN;
    const number = type === 'categorical' ? choices.indexOf(value) : value;
    if (typeof number !== 'number' || Number.isNaN(number) || (type === 'categorical' && number < 0)) {
      const wanted = type === 'categorical' ? `; its choices are ${JSON.stringify(choices)}` : '';
      throw invalid(`parameter ${JSON.stringify(name)} cannot be ${JSON.stringify(value) ?? String(value)}${wanted}`);
    }
    return number;
  });
}
