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
}

/** A whole number in [low, high]. */
export interface IntParameter {
  readonly type: 'int';
  readonly low: number;
  readonly high: number;
  readonly log?: boolean;
  readonly step?: number;
  readonly when?: Condition;
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

/** The name of a sampler. */
export type Sampler = 'auto' | 'optiformer' | 'gp' | 'tpe' | 'cma_es' | 'local_search' | 'grid' | 'sobol' | 'random';

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
  readonly origin: 'policy' | 'neighbor' | 'spread' | 'refined' | 'step' | 'draw';
  /** Median of the predicted values. */
  readonly median: number;
  /** Half of the range of about two thirds of the predicted values. */
  readonly deviation: number;
  /** By how much the best value is expected to improve. */
  readonly improvement: number;
}

/** Numbers of trials of each state. */
export interface Counts {
  readonly finished: number;
  readonly failed: number;
  readonly pending: number;
}

/** Options of a study. */
export interface StudyOptions {
  readonly direction?: 'minimize' | 'maximize';
  readonly sampler?: Sampler;
  /** Weights for "optiformer" and "auto"; those of the library without it. */
  readonly model?: Model;
  /** The same seed and answers give the same study. */
  readonly seed?: number | bigint;
}

/** Options of a run. */
export interface RunOptions<S extends Parameters> {
  /** How many more trials are made. */
  readonly trials: number;
  /** How many objectives may be awaited at a time; 1 without it. */
  readonly jobs?: number;
  /** Ends the run; what had finished stays. */
  readonly signal?: AbortSignal;
  /** Called after each trial; the value of a failed one is null. */
  readonly onTrial?: (trial: Trial<S> & { readonly value: number | null }) => void;
}

/**
 * The value of a configuration. `null`, a number that is not finite and an exception mean a failed
 * trial.
 */
export type Objective<S extends Parameters> = (
  values: Values<S>,
  trial: Trial<S>,
) => number | null | Promise<number | null>;

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
   * @throws {OptiFormerError} UNKNOWN_TRIAL or ALREADY_TOLD.
   */
  tell(id: number, value: number): void;
  /** That a trial failed: it is kept, and avoided. */
  tellFailed(id: number): void;
  /** Adds a trial that was made elsewhere, and returns its id. */
  add(values: Partial<Values<S>>, value: number): number;
  /** A configuration to try before any other. */
  enqueue(values: Partial<Values<S>>): void;
  /** The best trial so far; null when none has finished. */
  best(): Best<S> | null;
  /**
   * Why a trial, which is pending, was suggested.
   * @throws {OptiFormerError} UNKNOWN_TRIAL; NOT_FOUND for a trial that was told, enqueued or
   * added.
   */
  explain(id: number): Explanation;
  /** How many trials have finished, failed, and are pending. */
  counts(): Counts;
  /** Runs more trials, and gives the best of the study, null when none has finished. */
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
export interface SuggestOptions {
  /** The trials that finished, in order. */
  readonly history?: readonly (readonly number[])[];
  /** Theirs, to be minimized; one that is not finite means a failed trial. */
  readonly losses?: readonly number[];
  /** Trials without an outcome so far. */
  readonly pending?: readonly (readonly number[])[];
  /** How many suggestions are wanted; each takes those before it for pending. */
  readonly count?: number;
  readonly seed?: number | bigint;
  /** The number of the trial that is asked for, from 0. */
  readonly number?: number | bigint;
  readonly sampler?: Sampler;
  readonly model?: Model;
}

/** Configurations to try next, to minimize a loss: a pure function of its arguments. */
export function suggest<const S extends Parameters>(space: S | Space<S>, options?: SuggestOptions): number[][];

/** The library's version. */
export const version: string;
