// Black-box optimization: the next configuration to try, given the results so far. index.d.ts
// documents what is exported.

export { OptiFormerError } from './error.js';
export { Model } from './model.js';
export { Space } from './space.js';
export { Study, minimize } from './study.js';
export { choose, suggest } from './suggest.js';
export { version } from './library.js';
