import { Handle, handle, memory, withArena } from './library.js';
import { invalid } from './error.js';

/** Immutable weights, which any number of studies may share. */
export class Model {
  #handle;

  constructor(bytes) {
    if (bytes !== undefined && !(bytes instanceof Uint8Array)) throw invalid('weights are a Uint8Array');
    const place = withArena((arena) => {
      if (bytes === undefined) return handle(arena, 'optiformer_model_builtin');
      const copied = arena.bytes(bytes.length);
      new Uint8Array(memory().buffer, copied, bytes.length).set(bytes);
      return handle(arena, 'optiformer_model_from_bytes', copied, bytes.length);
    });
    this.#handle = new Handle('model', 'optiformer_model_free', place);
  }

  get _place() {
    return this.#handle.place;
  }

  free() {
    this.#handle.free();
  }
}
