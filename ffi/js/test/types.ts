// Checked by tsc and never run: what the types accept, infer and refuse.
import { Study, minimize, suggest } from '../src/index.js';

const study = new Study(
  {
    rate: { type: 'float', low: 1e-4, high: 1, log: true },
    units: { type: 'int', low: 4, high: 256 },
    optimizer: ['sgd', 'adam'],
    momentum: { type: 'float', low: 0, high: 0.99, when: { parent: 'optimizer', is: ['sgd'] } },
  },
  { direction: 'maximize', sampler: 'tpe', seed: 2n ** 63n },
);
const { id, values } = study.ask();
const rate: number = values.rate;
const optimizer: 'sgd' | 'adam' = values.optimizer;
const momentum: number | undefined = values.momentum;
// @ts-expect-error a parameter that a condition may make inactive
const certain: number = values.momentum;
// @ts-expect-error a misspelt parameter
values.unit;
// @ts-expect-error a choice that there is not
const other: 'rmsprop' = values.optimizer;
new Study({ x: ['a', 'b'] }, { sampler: 'grid:points=5,order=given' });
// @ts-expect-error a sampler that there is not
new Study({ x: ['a', 'b'] }, { sampler: 'tpo' });
// @ts-expect-error a misspelt field
new Study({ x: { type: 'float', low: 0, hihg: 1 } });
study.tell(id, rate + (momentum ?? 0));
const source: number | null = study.promotedFrom(id);
if (study.shouldStop(id)) study.tellPruned(id);
new Study(
  { epochs: { type: 'int', low: 1, high: 81, fidelity: true }, kind: ['a', 'b'] },
  { sampler: 'hyperband', pruner: 'median' },
);
// @ts-expect-error a rule is a text
new Study({ x: ['a', 'b'] }, { pruner: 5 });
// @ts-expect-error an outcome is a number
study.tell(id, '1');
study.enqueue({ rate: 0.1, units: 8, optimizer: 'adam' });
const value: number | undefined = study.best()?.value;

const best = await minimize(async ({ x }) => x ** 2, { x: { type: 'float', low: -1, high: 1 } }, { trials: 3 });
await minimize(
  async function* ({ x }) {
    yield x;
    return x ** 2;
  },
  { x: { type: 'float', low: -1, high: 1 } },
  { trials: 3, pruner: 'median' },
);
const x: number | undefined = best?.values.x;
const rows: number[][] = suggest({ x: { type: 'int', low: 0, high: 9 } }, { count: 2 });
export { certain, optimizer, other, rows, source, value, x };
