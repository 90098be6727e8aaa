// The functions of optiformer.h in the WebAssembly module, and the memory that they share with
// JavaScript.

import { OptiFormerError, invalid } from './error.js';

async function instantiate() {
  const url = new URL('./optiformer.wasm', import.meta.url);
  if (url.protocol === 'file:') {
    // Node.js does not fetch files.
    const { readFile } = await import('node:fs/promises');
    return WebAssembly.instantiate(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new OptiFormerError('IO', `${url}: ${response.status} ${response.statusText}`);
  // A server that does not know the media type would make instantiateStreaming fail.
  return WebAssembly.instantiate(await response.arrayBuffer());
}

const { instance } = await instantiate();
const functions = instance.exports;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// struct_size, status and message[512] of optiformer_error.
const ERROR_SIZE = 520;
const ERROR_MESSAGE = 8;

/** Whether an earlier call trapped: the module's memory is then in an unknown state. */
let broken = false;

/** The memory now; it moves when the module grows it. */
export const memory = () => new DataView(functions.memory.buffer);

function textAt(place) {
  const bytes = new Uint8Array(functions.memory.buffer);
  return decoder.decode(bytes.subarray(place, bytes.indexOf(0, place)));
}

/** Memory for the arguments of one call, freed together. */
class Arena {
  #blocks = [];

  /** Zeroed bytes, aligned for a double. */
  bytes(size) {
    const place = functions.optiformer_allocate(size) >>> 0;
    if (place === 0) throw new RangeError(`${size} bytes of memory are not to be had`);
    this.#blocks.push([place, size]);
    new Uint8Array(functions.memory.buffer, place, size).fill(0);
    return place;
  }

  /** A text that ends with NUL, and so has none inside. */
  text(what, value) {
    if (typeof value !== 'string') throw invalid(`${what} must be a text, not ${typeof value}`);
    if (value.includes('\0')) throw invalid(`${what} ${JSON.stringify(value)} has a NUL character`);
    const encoded = encoder.encode(value);
    const place = this.bytes(encoded.length + 1);
    new Uint8Array(functions.memory.buffer, place).set(encoded);
    return place;
  }

  /** Numbers as doubles. */
  doubles(values) {
    const place = this.bytes(8 * values.length);
    new Float64Array(functions.memory.buffer, place, values.length).set(values);
    return place;
  }

  /** Texts as an array of pointers. */
  texts(what, values) {
    const places = values.map((value) => this.text(what, value));
    const place = this.bytes(4 * values.length);
    new Uint32Array(functions.memory.buffer, place, values.length).set(places);
    return place;
  }

  /** A copy of the doubles at `place`. */
  read(place, length) {
    return Array.from(new Float64Array(functions.memory.buffer, place, length));
  }

  free() {
    for (const [place, size] of this.#blocks) functions.optiformer_deallocate(place, size);
  }
}

/** Runs a function of the module; a trap is a bug in the library. */
function run(name, args) {
  if (broken) throw new OptiFormerError('POISONED', 'an earlier call failed; load the module anew');
  try {
    return functions[name](...args);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    broken = true;
    throw new OptiFormerError('PANIC', 'the library failed; this is a bug, please report it');
  }
}

/** Lends memory to a body, and frees it afterwards. */
export function withArena(body) {
  const arena = new Arena();
  try {
    return body(arena);
  } finally {
    if (!broken) arena.free();
  }
}

/** Calls a function with an error struct as its last argument, and throws what that says. */
export function call(arena, name, ...args) {
  const error = arena.bytes(ERROR_SIZE);
  memory().setUint32(error, ERROR_SIZE, true);
  const status = run(name, [...args, error]);
  if (status !== 0) {
    throw new OptiFormerError(textAt(run('optiformer_status_name', [status])), textAt(error + ERROR_MESSAGE));
  }
}

/** Calls a function that hands out a handle. */
export function handle(arena, name, ...args) {
  const out = arena.bytes(4);
  call(arena, name, ...args, out);
  return memory().getUint32(out, true);
}

/**
 * Calls a function that writes columns behind `args`, with their bytes a row, twice: for the number
 * of rows, then for the columns. Gives that number and the places.
 */
export function columns(arena, name, args, sizes) {
  const count = arena.bytes(4);
  call(arena, name, ...args, ...sizes.map(() => 0), 0, count);
  const rows = memory().getUint32(count, true);
  const places = sizes.map((size) => arena.bytes(size * rows));
  call(arena, name, ...args, ...places, rows, count);
  return { rows, places };
}

/** The whole numbers of 64 bits at a place. */
export function wholes(place, length) {
  const view = memory();
  return Array.from({ length }, (_, index) => Number(view.getBigUint64(place + 8 * index, true)));
}

/** Calls a function that writes a text: for its length, then for the text. */
export function text(arena, name, ...args) {
  const needed = arena.bytes(4);
  call(arena, name, ...args, 0, 0, needed);
  const length = memory().getUint32(needed, true);
  const buffer = arena.bytes(length);
  call(arena, name, ...args, buffer, length, 0);
  return textAt(buffer);
}

/** A text of at most `size` bytes at a place. */
export const textIn = (place) => textAt(place);

const registry = new FinalizationRegistry(({ name, place }) => {
  if (!broken) functions[name](place);
});

/**
 * Owns what a function of the library handed out; free() and the garbage collector give it back.
 */
export class Handle {
  #place;
  #release;
  #what;

  constructor(what, release, place) {
    this.#what = what;
    this.#release = release;
    this.#place = place;
    registry.register(this, { name: release, place }, this);
  }

  /** The handle itself. */
  get place() {
    if (this.#place === 0) throw invalid(`the ${this.#what} was freed`);
    return this.#place;
  }

  free() {
    if (this.#place === 0) return;
    registry.unregister(this);
    const place = this.#place;
    this.#place = 0;
    if (!broken) run(this.#release, [place]);
  }
}

/** A whole number that a 64-bit field holds. */
export function unsigned(what, value) {
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!whole || value < 0 || value >= 2n ** 64n) {
    throw invalid(`${what} ${String(value)} is no whole number from 0 to 2^64 - 1`);
  }
  return BigInt(value);
}

/** The library's version. */
export const version = textAt(functions.optiformer_version_string());
