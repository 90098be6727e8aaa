/** A status other than OK. */
export class OptiFormerError extends Error {
  constructor(status, message) {
    super(message);
    this.name = 'OptiFormerError';
    this.status = status;
  }
}

/** An error about a value that a caller passed. */
export function invalid(message) {
  return new OptiFormerError('INVALID_VALUE', message);
}
