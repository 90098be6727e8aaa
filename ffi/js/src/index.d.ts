/** A value of a categorical parameter. */
export type Choice = string | number | boolean;

/**
 * Makes a parameter active only while `parent`, an int or a categorical declared before it, has one
 * of the values.
 */
export interface Condition {
  readonly parent: string;
  readonly is: readonly Choice[];
}

/**
 * A real number in [low, high]; on a logarithmic scale with `log`; only low + k * step with `step`.
 */
export interface FloatParameter {
  readonly type: 'float';
  readonly low: number;
  readonly high: number;
  readonly log?: boolean;
  readonly step?: number;
  readonly when?: Condition;
  /** Whether it is the fidelity: how much of a trial's full cost is spent on it. */
  readonly fidelity?: boolean;
}

/** A whole number in [low, high]. */
export interface IntParameter {
  readonly type: 'int';
  readonly low: number;
  readonly high: number;
  readonly log?: boolean;
  readonly step?: number;
  readonly when?: Condition;
  /** Whether it is the fidelity: how much of a trial's full cost is spent on it. */
  readonly fidelity?: boolean;
}

/** A choice without an order. */
export interface CategoricalParameter {
  readonly type: 'categorical';
  readonly choices: readonly Choice[];
  readonly when?: Condition;
}

/** A parameter; a list is short for a choice among its elements. */
export type Parameter = FloatParameter | IntParameter | CategoricalParameter | readonly Choice[];

/**
 * Parameters by name, in the order of the object's keys (whole numbers as names come first in
 * JavaScript).
 */
export type Parameters = { readonly [name: string]: Parameter };

type Unconditional<P extends Parameter> = P extends readonly (infer C)[]
  ? C
  : P extends CategoricalParameter
    ? P['choices'][number]
    : number;

/** The values of a configuration; parameters that a condition makes inactive are undefined. */
export type Values<S extends Parameters> = {
  readonly [N in keyof S]: S[N] extends { readonly when: Condition } ? Unconditional<S[N]> | undefined : Unconditional<S[N]>;
};

/**
 * The name of a sampler; "hyperband" is for spaces with a fidelity. The grid takes options:
 * "grid:points=5,order=given".
 */
export type Sampler =
  | 'auto'
  | 'optiformer'
  | 'gp'
  | 'tpe'
  | 'cma_es'
  | 'local_search'
  | 'grid'
  | `grid:${string}`
  | 'sobol'
  | 'random'
  | 'hyperband';

/**
 * What the library refuses: `status` is the name of the C function's, such as "INVALID_SPACE", and
 * the message names the parameter, field or byte offset.
 */
export class OptiFormerError extends Error {
  constructor(status: string, message: string);
  readonly status: string;
}

/** Immutable weights, which any number of studies may share. */
export class Model {
  /**
   * @param bytes A safetensors file; the weights that are part of the library without it.
   * @throws {OptiFormerError} INVALID_WEIGHTS, with byte offset, field or tensor.
   */
  constructor(bytes?: Uint8Array);
  /** Gives the memory back at once, where the garbage collector would in time. */
  free(): void;
}

/** What may be tried. */
export class Space<const S extends Parameters = Parameters> {
  /**
   * @param parameters An object of parameters, or a JSON document as the command-line tool reads
   * it.
   * @throws {OptiFormerError} INVALID_SPACE, naming the parameter.
   */
  constructor(parameters: S | string);
  /** The parameters' names, in order. */
  readonly names: string[];
  /** The space as a JSON document. */
  toJSONText(): string;
  free(): void;
}

/**
 * A configuration with the id to tell its outcome by. Reading a name that the space does not have
 * throws.
 */
export interface Trial<S extends Parameters> {
  readonly id: number;
  readonly values: Values<S>;
}

/** A finished trial. */
export interface Best<S extends Parameters> extends Trial<S> {
  readonly value: number;
}

/**
 * Why a trial was suggested, in units of the objective; numbers are NaN where nothing was
 * predicted.
 */
export interface Explanation {
  /** The sampler that suggested it; under "auto" the one that was asked. */
  readonly sampler: string;
  /** How the configuration came about. */
  readonly origin: 'policy' | 'neighbor' | 'spread' | 'refined' | 'step' | 'promoted' | 'draw';
  /** Median of the predicted values. */
  readonly median: number;
  /** Half of the range of about two thirds of the predicted values. */
  readonly deviation: number;
  /** By how much the best value is expected to improve. */
  readonly improvement: number;
  /** The probability that all constraints hold. */
  readonly feasibility: number;
}

/** Numbers of trials of each state. */
export interface Counts {
  readonly finished: number;
  readonly failed: number;
  readonly pending: number;
  readonly pruned: number;
}

/** Options of a study. */
export interface StudyOptions {
  readonly direction?: 'minimize' | 'maximize';
  readonly sampler?: Sampler;
  /** Weights for "optiformer", "auto" and "hyperband"; those of the library without it. */
  readonly model?: Model;
  /** The same seed and answers give the same study. */
  readonly seed?: number | bigint;
  /** Names of constraints: values that are told with each trial and shall be at most 0. */
  readonly constraints?: readonly string[];
  /**
   * Several objectives: their names, or their directions by name. The trials then spread along the
   * Pareto front, which front() has.
   */
  readonly objectives?: readonly string[] | { readonly [name: string]: 'minimize' | 'maximize' };
  /**
   * The rule that shouldStop() applies, as the tool's --pruner takes it: "median", "percentile:25",
   * "asha:min=1,max=81", "hyperband:max=81", "patient:5:median".
   */
  readonly pruner?: string;
}

/** Numbers in the study's order, or by name. */
export type Numbers = readonly number[] | { readonly [name: string]: number };

/** What was measured besides the objective. */
export interface Measured {
  /** The values of the study's constraints, each at most 0 where it holds. */
  readonly constraints?: Numbers;
}

/** A trial that is read back. */
export interface StoredTrial<S extends Parameters> extends Trial<S> {
  readonly state: 'pending' | 'finished' | 'failed' | 'pruned';
  /** The objective, the first of several; null unless the trial has finished. */
  readonly value: number | null;
  /** The objectives by name; null unless the trial has finished. */
  readonly objectives: { readonly [name: string]: number } | null;
  /** The constraints by name; null where they were not measured. */
  readonly constraints: { readonly [name: string]: number } | null;
  /** Pairs of a step and an intermediate value, by ascending step. */
  readonly reports: readonly (readonly [number, number])[];
}

/** What a study came to. */
export interface Results {
  /** The best value of the feasible trials; null without one, and of several objectives. */
  readonly best_score: number | null;
  readonly num_evaluations: number;
  readonly num_feasible: number;
  /** Whether the last third of the trials, and at least ten, improved nothing. */
  readonly converged: boolean | null;
  /** The trials that have ended. */
  readonly all_results: readonly TrialResult[];
  /** Of several objectives the trials that no other one beats. */
  readonly pareto_front?: readonly TrialResult[];
}

/** A trial that has ended. */
export interface TrialResult {
  readonly id: number;
  readonly params: { readonly [name: string]: unknown };
  readonly score: number | null;
}

/** Options of a run. */
export interface RunOptions<S extends Parameters> {
  /** How many more trials are made. */
  readonly trials: number;
  /** How many objectives may be awaited at a time; 1 without it. */
  readonly jobs?: number;
  /** Ends the run; what had finished stays. */
  readonly signal?: AbortSignal;
  /** Called after each trial; the value of one that failed or was pruned is null. */
  readonly onTrial?: (trial: Trial<S> & { readonly value: number | Numbers | null }) => void;
}

/** The value of a configuration, or of several objectives the values; with constraints both. */
export type Outcome = number | Numbers | null | { readonly value: number | Numbers | null; readonly constraints: Numbers };

/**
 * The outcome of a configuration. `null`, a number that is not finite and an exception mean a
 * failed trial. A generator yields intermediate values, of the steps 1, 2 and so on, before it
 * returns the outcome; the study's pruner may end it before.
 */
export type Objective<S extends Parameters> = (
  values: Values<S>,
  trial: Trial<S>,
) => Outcome | Promise<Outcome> | Generator<number, Outcome> | AsyncGenerator<number, Outcome>;

/**
 * One optimization, which hands out trials and is told how they went. Any number of trials may be
 * pending.
 */
export class Study<const S extends Parameters = Parameters> {
  /** @throws {OptiFormerError} Naming the parameter or option. */
  constructor(space: S | Space<S>, options?: StudyOptions);
  /** The next trial. */
  ask(): Trial<S>;
  /**
   * How a trial went; a value that is not finite counts as a failed trial.
   * @param value Its value, or of several objectives all values. An empty list where a constraint
   * is violated and nothing else was measured.
   * @throws {OptiFormerError} UNKNOWN_TRIAL or ALREADY_TOLD; INVALID_VALUE for other objectives or
   * constraints than the study has.
   */
  tell(id: number, value: number | Numbers, measured?: Measured): void;
  /** That a trial failed: it is kept, and avoided. */
  tellFailed(id: number): void;
  /**
   * That a trial was ended early: its last intermediate value counts for later suggestions.
   * @throws {OptiFormerError} As tell().
   */
  tellPruned(id: number): void;
  /**
   * An intermediate value of a trial, which is pending: its objective at a step, such as an epoch.
   * Steps ascend.
   * @throws {OptiFormerError} As tell(); INVALID_VALUE for a step that is not above the one before.
   */
  report(id: number, step: number | bigint, value: number): void;
  /**
   * Whether the pruner would end a trial, which is pending, for its intermediate values. Ask after
   * each report(); a trial that is ended is told by tellPruned(). False before the first report,
   * and in a study without a pruner.
   * @throws {OptiFormerError} As tell().
   */
  shouldStop(id: number): boolean;
  /**
   * The id of the trial that a trial continues, in a space with a fidelity: of the earlier finished
   * trials with the same other values and a lower fidelity, the one with the highest. null where
   * there is none.
   * @throws {OptiFormerError} UNKNOWN_TRIAL.
   */
  promotedFrom(id: number): number | null;
  /** Adds a trial that was made elsewhere, with what tell() takes, and returns its id. */
  add(values: Partial<Values<S>>, value: number | Numbers, measured?: Measured): number;
  /** A configuration to try before any other; active parameters that it lacks are filled in. */
  enqueue(values: Partial<Values<S>>): void;
  /** Lets a trial, which is pending, leave the study without an outcome. */
  abandon(id: number): void;
  /** Lets the pending trials be asked for again: for a study whose workers are gone. */
  offerPending(): void;
  /**
   * The best trial so far; null when none has finished, and in a study of several objectives. Under
   * constraints the best feasible one, and while there is none that which violates them least.
   */
  best(): Best<S> | null;
  /** The ids of the Pareto front: the feasible trials that no other one beats. */
  front(): number[];
  /** By how much a trial violates the constraints: 0 where they hold, NaN where not measured. */
  violation(id: number): number;
  /** All trials, in the order of their ids. */
  trials(): StoredTrial<S>[];
  /** What the study came to. */
  results(): Results;
  /** The whole study as a text, which restore() and the command-line tool read. */
  save(): string;
  /**
   * A study from what save() gave; it goes on as the one that was saved would have.
   * @throws {OptiFormerError} INVALID_JOURNAL, with line and byte.
   */
  static restore<const S extends Parameters = Parameters>(saved: string, options?: { readonly model?: Model }): Study<S>;
  /**
   * Why a trial, which is pending, was suggested.
   * @throws {OptiFormerError} UNKNOWN_TRIAL; NOT_FOUND for a trial that was told, enqueued or
   * added.
   */
  explain(id: number): Explanation;
  /** How many trials have finished, have failed, are pending, and were pruned. */
  counts(): Counts;
  /**
   * Runs more trials, fewer where everything has been tried, and gives the best of the study, null
   * when none has finished.
   * @throws The last exception of the objective, where it threw one in every trial.
   */
  optimize(objective: Objective<S>, options: RunOptions<S>): Promise<Best<S> | null>;
  free(): void;
}

/** Minimizes a function over a space, with 100 trials unless told otherwise. */
export function minimize<const S extends Parameters>(
  objective: Objective<S>,
  space: S | Space<S>,
  options?: StudyOptions & Partial<RunOptions<S>>,
): Promise<Best<S> | null>;

/**
 * Everything that a suggestion depends on. A configuration is a list of numbers: a choice by its
 * index, NaN for inactive.
 */
export interface ChooseOptions {
  /** The trials that finished, in order. */
  readonly history?: readonly (readonly number[])[];
  /**
   * Theirs, to be minimized; one that is not finite means a failed trial. Of several objectives a
   * list for each trial.
   */
  readonly losses?: readonly number[] | readonly (readonly number[])[];
  /**
   * The values of the constraints of each trial, at most 0 where they hold and NaN where they were
   * not measured.
   */
  readonly constraints?: readonly (readonly number[])[];
  /** Trials without an outcome so far. */
  readonly pending?: readonly (readonly number[])[];
  readonly seed?: number | bigint;
  /** The number of the trial that is asked for, from 0. */
  readonly number?: number | bigint;
  readonly sampler?: Sampler;
  readonly model?: Model;
}

/** What a suggestion depends on, and how many are wanted. */
export interface SuggestOptions extends ChooseOptions {
  /** How many suggestions are wanted; each takes those before it for pending. */
  readonly count?: number;
}

/** The order in which to try given configurations. */
export interface Ranking {
  /** The candidates' places, the most promising first. */
  readonly order: number[];
  /** What each candidate is ranked by, larger is better; NaN where there is no such number. */
  readonly ratings: number[];
}

/**
 * Ranks given configurations: the rows of a table, or a feasible set that no space describes.
 * @throws {OptiFormerError} UNSUPPORTED for "sobol" and "cma_es".
 */
export function choose<const S extends Parameters>(
  space: S | Space<S>,
  candidates: readonly (readonly number[])[],
  options?: ChooseOptions,
): Ranking;

/** Configurations to try next, to minimize a loss: a pure function of its arguments. */
export function suggest<const S extends Parameters>(space: S | Space<S>, options?: SuggestOptions): number[][];

/** The library's version. */
export const version: string;
