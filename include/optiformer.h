/* OptiFormer: a black-box optimizer with a transformer that proposes the next trial.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A study in four calls:
 *
 *     optiformer_study_new(space, NULL, &study, NULL);
 *     optiformer_study_ask(study, &id, values, count, NULL);
 *     optiformer_study_tell(study, id, value, NULL);
 *     optiformer_study_best(study, &id, values, count, &value, NULL);
 *
 * Rules that hold for every function
 *
 *   Status   Functions that can fail return 0 (OPTIFORMER_OK) or another status, whose numbers
 *            never change. The last parameter may point to an optiformer_error of the caller's,
 *            with struct_size set, which then says what it is about; it may be NULL.
 *   Outputs  are written only on success, into memory of the caller's, which must not overlap what
 *            the same call reads. Texts are UTF-8 and end with NUL.
 *   Handles  come from a function with an `out` parameter and are freed once, by the function named
 *            _free, which takes NULL too. A handle keeps nothing alive that was passed in: space
 *            and model may be freed while a study made with them lives.
 *   Threads  A handle that a function takes as `const` is shared: any number of threads may use it
 *            in such functions at the same time. Any other handle is exclusive: while one thread is
 *            in the function, no other may use the handle at all. Handles may be used by one thread
 *            after another. Each function says which it is. The library has no globals but the
 *            built-in weights, unpacked on first use; it starts no threads, calls nothing back,
 *            reads no environment and prints nothing (but see Bugs).
 *   Values   are doubles: a number as itself, a category by its index from 0, NaN for a parameter
 *            that a condition makes inactive. A configuration is one double per parameter, in the
 *            order in which the parameters were added.
 *   NULL     for a pointer that is needed gives OPTIFORMER_NULL_POINTER, and a pointer that is not
 *            aligned for its type OPTIFORMER_INVALID_VALUE. A pointer to an array of length 0 may
 *            be NULL. Handles that were freed, and lengths that are not true, cannot be detected.
 *   Sizes    vary for texts: such a function takes `buffer`, `capacity` (in bytes) and `needed`.
 *            With `buffer` NULL it only writes the length, NUL included, to *needed; `needed` may
 *            be NULL when `buffer` is not. A buffer that is too small gives
 *            OPTIFORMER_BUFFER_TOO_SMALL and is left alone; *needed, the one output that a failure
 *            writes, then has the length.
 *   Bugs     in the library give OPTIFORMER_PANIC, after a line on standard error. A study it
 *            happened to is poisoned: every later call on it gives OPTIFORMER_POISONED, and freeing
 *            it is all that is left. Models and spaces stay as they were.
 *
 * How to build and link: docs/c-abi.md. For C++ there is optiformer.hpp.
 */
#ifndef OPTIFORMER_H
#define OPTIFORMER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; optiformer_version() is that of the library. */
#define OPTIFORMER_VERSION_MAJOR 0
#define OPTIFORMER_VERSION_MINOR 1
#define OPTIFORMER_VERSION_PATCH 0
#define OPTIFORMER_VERSION                                                                         \
    (OPTIFORMER_VERSION_MAJOR * 1000000 + OPTIFORMER_VERSION_MINOR * 1000 + OPTIFORMER_VERSION_PATCH)

/* What functions return. */
#define OPTIFORMER_OK 0                /* it worked */
#define OPTIFORMER_NULL_POINTER 1      /* a pointer that is needed is NULL */
#define OPTIFORMER_INVALID_VALUE 2     /* a value, length or option out of range */
#define OPTIFORMER_INVALID_SPACE 3     /* a space that cannot be searched */
#define OPTIFORMER_INVALID_WEIGHTS 4   /* weights truncated, damaged, or of another format */
#define OPTIFORMER_UNKNOWN_TRIAL 5     /* an id that was never handed out */
#define OPTIFORMER_ALREADY_TOLD 6      /* a trial that was told before */
#define OPTIFORMER_UNSUPPORTED 7       /* not offered by this build, model or sampler */
#define OPTIFORMER_EXHAUSTED 8         /* everything has been tried */
#define OPTIFORMER_IO 9                /* the operating system refused */
#define OPTIFORMER_BUFFER_TOO_SMALL 10 /* the length that is needed was written to *needed */
#define OPTIFORMER_NOT_FOUND 11        /* nothing to report yet */
#define OPTIFORMER_PANIC 12            /* a bug in the library */
#define OPTIFORMER_POISONED 13         /* the study met a bug before */
#define OPTIFORMER_INVALID_TEXT 14     /* a text is not UTF-8 */
#define OPTIFORMER_INVALID_JOURNAL 15  /* a stored study is damaged, or not the one asked for */

typedef int32_t optiformer_status;

/* What went wrong, in memory of the caller's. Set struct_size to sizeof(optiformer_error) before
 * the first use; with 0 there, nothing is written. One struct serves one thread at a time. */
typedef struct optiformer_error {
    size_t struct_size;
    int32_t status;    /* what the function returned */
    char message[512]; /* names the parameter, field or byte offset; "" after success */
} optiformer_error;

typedef struct optiformer_model optiformer_model;
typedef struct optiformer_space optiformer_space;
typedef struct optiformer_study optiformer_study;
typedef struct optiformer_cache optiformer_cache;

/* ---- Version --------------------------------------------------------------------------------- */

/* major * 1000000 + minor * 1000 + patch.
 * Threads: any. */
uint32_t optiformer_version(void);

/* "major.minor.patch"; never NULL, never freed.
 * Threads: any. */
const char *optiformer_version_string(void);

/* The name of a status, "OK" or "INVALID_SPACE"; "UNKNOWN" for any other number. Never NULL, never
 * freed.
 * Threads: any. */
const char *optiformer_status_name(int status);

/* ---- Models: immutable weights, shared by any number of threads and studies ------------------ */

/* Reads a safetensors file; its path is UTF-8.
 * Threads: any.
 * Errors: IO with the path; INVALID_WEIGHTS with the byte offset, field or tensor; INVALID_TEXT. */
optiformer_status optiformer_model_open(const char *path, optiformer_model **out,
                                        optiformer_error *error);

/* Reads such a file from memory: `length` bytes, which are copied and may be freed afterwards.
 * Threads: any.
 * Errors: INVALID_WEIGHTS with the byte offset, field or tensor. */
optiformer_status optiformer_model_from_bytes(const uint8_t *bytes, size_t length,
                                              optiformer_model **out, optiformer_error *error);

/* The weights that are part of the library, unpacked (some milliseconds, some megabytes).
 * Threads: any. */
optiformer_status optiformer_model_builtin(optiformer_model **out, optiformer_error *error);

/* Describes the model as one line of JSON: its config, and the instruction set that it runs on.
 * Threads: `model` is shared.
 * Errors: BUFFER_TOO_SMALL. */
optiformer_status optiformer_model_description(const optiformer_model *model, char *buffer,
                                               size_t capacity, size_t *needed,
                                               optiformer_error *error);

/* Frees a model, or does nothing for NULL. Studies made with it keep what they need.
 * Threads: `model` is exclusive. */
void optiformer_model_free(optiformer_model *model);

/* ---- Search spaces --------------------------------------------------------------------------- */

/* An empty space, to be filled.
 * Threads: any. */
optiformer_status optiformer_space_new(optiformer_space **out, optiformer_error *error);

/* A space from its JSON document (docs/tool.md has the format).
 * Threads: any.
 * Errors: INVALID_SPACE with line and column, or with the parameter's name; INVALID_TEXT. */
optiformer_status optiformer_space_from_json(const char *json, optiformer_space **out,
                                             optiformer_error *error);

/* Adds a real number in [low, high]; on a logarithmic scale if `log` is not 0; only low + k * step
 * if `step` is not 0.
 * Threads: `space` is exclusive, as in the functions below.
 * Errors: INVALID_SPACE, naming the parameter; the space is then as it was. So in the functions
 * below. */
optiformer_status optiformer_space_add_float(optiformer_space *space, const char *name, double low,
                                             double high, int log, double step,
                                             optiformer_error *error);

/* Adds a whole number in [low, high], within +-2^53; on a logarithmic scale if `log` is not 0; only
 * low + k * step (a step of 0 counts as 1).
 * Threads: `space` is exclusive.
 * Errors: INVALID_SPACE, INVALID_TEXT. */
optiformer_status optiformer_space_add_int(optiformer_space *space, const char *name, int64_t low,
                                           int64_t high, int log, int64_t step,
                                           optiformer_error *error);

/* Adds a choice among `count` texts, all different; its value is the index.
 * Threads: `space` is exclusive.
 * Errors: INVALID_SPACE, INVALID_TEXT; NULL_POINTER, naming the element. */
optiformer_status optiformer_space_add_categorical(optiformer_space *space, const char *name,
                                                   const char *const *choices, size_t count,
                                                   optiformer_error *error);

/* Makes `name` active only when `parent`, added before it and a whole number or a choice, has one
 * of `count` values. A condition that it had before is replaced.
 * Threads: `space` is exclusive.
 * Errors: INVALID_SPACE; INVALID_VALUE for a name the space does not have, or a value `parent`
 * cannot have. */
optiformer_status optiformer_space_set_condition(optiformer_space *space, const char *name,
                                                 const char *parent, const double *values,
                                                 size_t count, optiformer_error *error);

/* Makes `name`, a number above 0 without a condition, the fidelity of the space: how much of a
 * trial's full cost is spent on it, such as epochs. The sampler "hyperband" tries many
 * configurations at low fidelities and the best of them again at higher ones; every other sampler
 * hands out the highest. A space has one fidelity at most, beside other parameters.
 * Threads: `space` is exclusive.
 * Errors: INVALID_SPACE; INVALID_VALUE for a name the space does not have. */
optiformer_status optiformer_space_set_fidelity(optiformer_space *space, const char *name,
                                                optiformer_error *error);

/* The number of parameters; 0 for NULL.
 * Threads: `space` is shared. */
size_t optiformer_space_count(const optiformer_space *space);

/* The name of parameter `index`, from 0.
 * Threads: `space` is shared.
 * Errors: INVALID_VALUE for an index that is not below the count; BUFFER_TOO_SMALL. */
optiformer_status optiformer_space_name(const optiformer_space *space, size_t index, char *buffer,
                                        size_t capacity, size_t *needed, optiformer_error *error);

/* The space as one line of JSON, which optiformer_space_from_json reads.
 * Threads: `space` is shared.
 * Errors: INVALID_SPACE for a space without parameters; BUFFER_TOO_SMALL. */
optiformer_status optiformer_space_to_json(const optiformer_space *space, char *buffer,
                                           size_t capacity, size_t *needed,
                                           optiformer_error *error);

/* Frees a space, or does nothing for NULL. Studies made with it keep what they need.
 * Threads: `space` is exclusive. */
void optiformer_space_free(optiformer_space *space);

/* ---- Studies: ask and tell ------------------------------------------------------------------- */

#define OPTIFORMER_MINIMIZE 0
#define OPTIFORMER_MAXIMIZE 1

/* Set all to zero, then struct_size to sizeof(optiformer_study_options). The struct only grows: a
 * library accepts what older headers have, and what newer ones have as long as what it does not
 * know is zero (else UNSUPPORTED). */
typedef struct optiformer_study_options {
    size_t struct_size;
    int32_t direction;             /* OPTIFORMER_MINIMIZE or OPTIFORMER_MAXIMIZE */
    const char *sampler;           /* "auto", "optiformer", "gp", "tpe", "cma_es", "local_search",
                                    * "grid" (or with options, "grid:points=5,order=given"),
                                    * "sobol", "random", and "hyperband" for a space with a
                                    * fidelity; NULL for "auto" */
    const optiformer_model *model; /* for "optiformer", "auto" and "hyperband"; NULL for the
                                    * built-in weights */
    uint64_t seed;                 /* the same seed and answers give the same suggestions */
    const char *const *constraints; /* [constraint_count]: names of constraints, values that are
                                     * told with each trial and shall be at most 0 */
    size_t constraint_count;
    const char *const *objectives; /* [objective_count]: names of the objectives; of several, each
                                    * ask minimizes another combination, so that the trials spread
                                    * along the Pareto front */
    const int32_t *directions;     /* [objective_count]: a direction for each objective; NULL for
                                    * `direction` for all */
    size_t objective_count;        /* 0 for one objective without a name */
    const char *pruner;            /* the rule that optiformer_study_should_stop applies, as the
                                    * tool's --pruner takes it (docs/tool.md): "median",
                                    * "percentile:25", "asha:min=1,max=81", "hyperband:max=81",
                                    * "patient:5:median"; NULL for none */
} optiformer_study_options;

/* A study over a copy of `space`. `options` may be NULL: minimize with "auto" and seed 0.
 * Threads: `space` and the options' model are shared.
 * Errors: INVALID_SPACE for a space without parameters; INVALID_VALUE, naming the option, also for
 * a model that the sampler has no use for, and for a name of a constraint or an objective that is
 * empty or occurs twice, and for a pruner in a study of several objectives; UNSUPPORTED. */
optiformer_status optiformer_study_new(const optiformer_space *space,
                                       const optiformer_study_options *options,
                                       optiformer_study **out, optiformer_error *error);

/* The next trial: its id, and `count` values, as many as there are parameters. Any number of trials
 * may be pending; suggestions keep away from them.
 * Threads: `study` is exclusive.
 * Errors: INVALID_VALUE for another count; UNSUPPORTED for more parameters or choices than the
 * model has names for. The study is then as it was. */
optiformer_status optiformer_study_ask(optiformer_study *study, uint64_t *id, double *values,
                                       size_t count, optiformer_error *error);

/* How trial `id` went. A value that is not finite counts as a failed trial.
 * Threads: `study` is exclusive.
 * Errors: UNKNOWN_TRIAL, ALREADY_TOLD; INVALID_VALUE in a study with constraints or several
 * objectives, whose trials are told by optiformer_study_tell_measured. The study is then as it
 * was. */
optiformer_status optiformer_study_tell(optiformer_study *study, uint64_t id, double value,
                                        optiformer_error *error);

/* That trial `id` failed: it is kept, and avoided.
 * Threads: `study` is exclusive.
 * Errors: UNKNOWN_TRIAL, ALREADY_TOLD; the study is then as it was. */
optiformer_status optiformer_study_tell_failed(optiformer_study *study, uint64_t id,
                                               optiformer_error *error);

/* How trial `id` went, in a study with constraints or several objectives. A number that is not
 * finite counts as a failed trial.
 *
 *   objectives   [objective_count]: as many as the study has, in its order; or none, of a trial
 *                that violates a constraint and whose objectives were not measured: it counts as
 *                failed, and its constraints are kept
 *   constraints  [constraint_count]: as many as the study has, each at most 0 where it holds
 *
 * Threads: `study` is exclusive.
 * Errors: UNKNOWN_TRIAL, ALREADY_TOLD; INVALID_VALUE for another number of objectives or
 * constraints, with the names of those that the study has. The study is then as it was. */
optiformer_status optiformer_study_tell_measured(optiformer_study *study, uint64_t id,
                                                 const double *objectives, size_t objective_count,
                                                 const double *constraints,
                                                 size_t constraint_count, optiformer_error *error);

/* That trial `id` was ended early, because its intermediate values were poor. The last of those
 * that were reported counts as its value for later suggestions; without any it counts as failed.
 * Threads: `study` is exclusive.
 * Errors: UNKNOWN_TRIAL, ALREADY_TOLD; INVALID_VALUE in a study of several objectives. The study is
 * then as it was. */
optiformer_status optiformer_study_tell_pruned(optiformer_study *study, uint64_t id,
                                               optiformer_error *error);

/* An intermediate value of trial `id`, which is pending: its objective at `step`, such as an epoch.
 * Steps ascend within a trial.
 * Threads: `study` is exclusive.
 * Errors: UNKNOWN_TRIAL, ALREADY_TOLD; INVALID_VALUE for a step that is not above the one before, a
 * value that is not finite, and a study of several objectives. The study is then as it was. */
optiformer_status optiformer_study_report(optiformer_study *study, uint64_t id, uint64_t step,
                                          double value, optiformer_error *error);

/* Whether the study's pruner would end trial `id`, which is pending, for its intermediate values: 1
 * or 0 in *out. Ask after each optiformer_study_report, because a rule looks at a step only while
 * it is the last one; a trial that is ended is told by optiformer_study_tell_pruned. 0 before the
 * first report, and in a study without a pruner.
 * Threads: `study` is shared.
 * Errors: UNKNOWN_TRIAL, ALREADY_TOLD. */
optiformer_status optiformer_study_should_stop(const optiformer_study *study, uint64_t id,
                                               int32_t *out, optiformer_error *error);

/* The trial that trial `id` continues, in a space with a fidelity: of the earlier finished trials
 * with the same other values and a lower fidelity, the one with the highest. A program that keeps
 * its state under the trial's id can go on from there.
 * Threads: `study` is shared.
 * Errors: UNKNOWN_TRIAL; NOT_FOUND for a trial that continues none. */
optiformer_status optiformer_study_promoted_from(const optiformer_study *study, uint64_t id,
                                                 uint64_t *out, optiformer_error *error);

/* Adds a trial that was made elsewhere; a `value` that is not finite means a failed one. Its id is
 * written to `id`, which may be NULL.
 * Threads: `study` is exclusive.
 * Errors: INVALID_VALUE, naming the parameter, and as optiformer_study_tell. */
optiformer_status optiformer_study_add(optiformer_study *study, const double *values, size_t count,
                                       double value, uint64_t *id, optiformer_error *error);

/* As optiformer_study_add, with what optiformer_study_tell_measured takes.
 * Threads: `study` is exclusive.
 * Errors: INVALID_VALUE, naming the parameter, or as optiformer_study_tell_measured. */
optiformer_status optiformer_study_add_measured(optiformer_study *study, const double *values,
                                                size_t count, const double *objectives,
                                                size_t objective_count, const double *constraints,
                                                size_t constraint_count, uint64_t *id,
                                                optiformer_error *error);

/* Lets a configuration, such as a known good one, be asked for before any other. Several come in
 * the order in which they were enqueued. NaN for a parameter that is active leaves it open: it is
 * filled in from a suggestion when the configuration is asked for.
 * Threads: `study` is exclusive.
 * Errors: INVALID_VALUE, naming the parameter. */
optiformer_status optiformer_study_enqueue(optiformer_study *study, const double *values,
                                           size_t count, optiformer_error *error);

/* The best trial so far, of equals the first; `id` may be NULL. Under constraints it is the best of
 * those that violate none, and while there is none of these the one that violates them least
 * (optiformer_study_violation says by how much). In a space with a fidelity only the trials at the
 * highest one that any has finished at compare, here and in the front.
 * Threads: `study` is shared.
 * Errors: NOT_FOUND when none has finished, and in a study of several objectives, which has a
 * front; INVALID_VALUE for a wrong count. */
optiformer_status optiformer_study_best(const optiformer_study *study, uint64_t *id, double *values,
                                        size_t count, double *value, optiformer_error *error);

/* The Pareto front: the trials that violate no constraint and that no other such trial beats, being
 * at least as good in every objective and better in one. Of one objective these are all trials with
 * the best value. `ids` [capacity] gets their ids in ascending order, *count their number; with
 * `ids` NULL the number alone is written.
 * Threads: `study` is shared.
 * Errors: BUFFER_TOO_SMALL for a capacity below their number; *count then has it. */
optiformer_status optiformer_study_front(const optiformer_study *study, uint64_t *ids,
                                         size_t capacity, size_t *count, optiformer_error *error);

/* By how much trial `id` violates the constraints: the sum of the amounts by which their values are
 * above 0. 0 for a trial that violates none, NaN for one whose constraints were not measured.
 * Threads: `study` is shared.
 * Errors: UNKNOWN_TRIAL. */
optiformer_status optiformer_study_violation(const optiformer_study *study, uint64_t id,
                                             double *violation, optiformer_error *error);

/* Why a trial was suggested. Set struct_size to sizeof(optiformer_explanation) before each call.
 * The struct only grows, and no more of it is written than its size says. */
typedef struct optiformer_explanation {
    size_t struct_size;
    char sampler[32];   /* the sampler that suggested it; under "auto" the one that was asked */
    char origin[32];    /* "policy": drawn from the transformer's policy; "neighbor" of a good trial;
                         * "spread": a point of an even spread; "refined" to where the acquisition
                         * is largest; "step" of a local model; "promoted" from a lower fidelity;
                         * "draw": anything else */
    double median;      /* of the predicted values; NaN, like the next two, where nothing was predicted */
    double deviation;   /* half of the range of about two thirds of the predicted values */
    double improvement; /* by how much the best value is expected to improve: at least 0 */
    double feasibility; /* the probability that all constraints hold; NaN where it was not predicted,
                         * and without constraints */
} optiformer_explanation;

/* Why trial `id`, which is pending, was suggested. Reasons are kept until the trial is told.
 * Threads: `study` is shared.
 * Errors: UNKNOWN_TRIAL; NOT_FOUND for a trial that was told, enqueued or added; INVALID_VALUE for
 * a struct_size that is too small. */
optiformer_status optiformer_study_explain(const optiformer_study *study, uint64_t id,
                                           optiformer_explanation *out, optiformer_error *error);

/* How many trials have finished, have failed, and are pending; each pointer may be NULL. Pruned
 * trials are none of these: optiformer_study_state_count counts them.
 * Threads: `study` is shared. */
optiformer_status optiformer_study_counts(const optiformer_study *study, size_t *finished,
                                          size_t *failed, size_t *pending, optiformer_error *error);

#define OPTIFORMER_PENDING 0  /* handed out, without an outcome */
#define OPTIFORMER_FINISHED 1 /* told a finite value */
#define OPTIFORMER_FAILED 2   /* told that it failed, or a value that is not finite */
#define OPTIFORMER_PRUNED 3   /* told that it was ended early */

/* How many trials are in `state`: OPTIFORMER_PENDING, _FINISHED, _FAILED or _PRUNED.
 * Threads: `study` is shared.
 * Errors: INVALID_VALUE for any other state. */
optiformer_status optiformer_study_state_count(const optiformer_study *study, int32_t state,
                                               size_t *out, optiformer_error *error);

/* All trials, in the order of their ids and without abandoned ones. *count gets their number. Each
 * column may be NULL; with all of them NULL the number alone is written.
 *
 *   ids         [capacity]
 *   states      [capacity]: OPTIFORMER_PENDING, _FINISHED, _FAILED or _PRUNED
 *   values      [capacity, parameters], row by row
 *   objectives  [capacity]: NaN for a trial that has not finished; the first of several
 *
 * Threads: `study` is shared.
 * Errors: BUFFER_TOO_SMALL for a capacity below the number of trials; *count then has it. */
optiformer_status optiformer_study_trials(const optiformer_study *study, uint64_t *ids,
                                          int32_t *states, double *values, double *objectives,
                                          size_t capacity, size_t *count, optiformer_error *error);

/* How many parameters, objectives (at least 1) and constraints the study has; each pointer may be
 * NULL.
 * Threads: `study` is shared. */
optiformer_status optiformer_study_shape(const optiformer_study *study, size_t *parameters,
                                         size_t *objectives, size_t *constraints,
                                         optiformer_error *error);

/* What all trials measured, in the order of optiformer_study_trials. *count gets the number of
 * trials. Each column may be NULL; with both of them NULL the number alone is written.
 *
 *   objectives   [capacity, objectives], row by row: NaN for a trial that has not finished
 *   constraints  [capacity, constraints], row by row: NaN where they were not measured
 *
 * Threads: `study` is shared.
 * Errors: BUFFER_TOO_SMALL for a capacity below the number of trials; *count then has it. */
optiformer_status optiformer_study_measurements(const optiformer_study *study, double *objectives,
                                                double *constraints, size_t capacity,
                                                size_t *count, optiformer_error *error);

/* The intermediate values of trial `id`, by ascending step: `steps` [capacity] and `values`
 * [capacity], of which either may be NULL. *count gets their number; with both of them NULL it
 * alone is written.
 * Threads: `study` is shared.
 * Errors: UNKNOWN_TRIAL; BUFFER_TOO_SMALL for a capacity below their number; *count then has it. */
optiformer_status optiformer_study_reports(const optiformer_study *study, uint64_t id,
                                           uint64_t *steps, double *values, size_t capacity,
                                           size_t *count, optiformer_error *error);

/* Abandons trial `id`, which is pending: it leaves the study without an outcome, and its id is not
 * used again.
 * Threads: `study` is exclusive.
 * Errors: UNKNOWN_TRIAL, ALREADY_TOLD; the study is then as it was. */
optiformer_status optiformer_study_abandon(optiformer_study *study, uint64_t id,
                                           optiformer_error *error);

/* Lets the trials that are pending now be asked for again, unchanged, before anything new: for a
 * study whose workers are gone.
 * Threads: `study` is exclusive. */
optiformer_status optiformer_study_offer_pending(optiformer_study *study, optiformer_error *error);

/* A copy of the study's space, to be freed by optiformer_space_free.
 * Threads: `study` is shared. */
optiformer_status optiformer_study_space(const optiformer_study *study, optiformer_space **out,
                                         optiformer_error *error);

/* Describes the study as one line of JSON: "direction" ("minimize" or "maximize", of the first of
 * several objectives), "objectives" (objects with "name" and "direction"; the name of one that was
 * given none is "value"), "constraints" (names), "sampler", "pruner" (its text with every option,
 * or null), "seed", and "note", which is null, or says what was dropped from the end of its file.
 * Threads: `study` is shared.
 * Errors: BUFFER_TOO_SMALL. */
optiformer_status optiformer_study_description(const optiformer_study *study, char *buffer,
                                               size_t capacity, size_t *needed,
                                               optiformer_error *error);

/* ---- Studies that outlive the process -------------------------------------------------------- */

/* Opens the study in the file `path` (UTF-8), or creates it: a journal, which docs/journal.md
 * describes and the tool reads and writes too. Each change is in the file when its call returns; a
 * value that was told survives a loss of power. Trials that were pending when the file was last
 * closed are asked for first, unchanged; then the study goes on as if it had not stopped. The file
 * is locked against other writers until the study is freed.
 *
 * A file that exists must belong to a study of the same space, objectives, constraints, sampler,
 * pruner and seed; a pruner of NULL is that of the file. With `space` NULL it must exist, and all
 * of these are taken from it; of `options` the model alone counts then.
 * Threads: `space` and the options' model are shared.
 * Errors: IO where the file cannot be opened, or another process writes it; INVALID_JOURNAL, naming
 * what differs, or line and byte of the damage; else as optiformer_study_new. Later calls that
 * change the study fail with IO where the file cannot be written; the study is then as it was. */
optiformer_status optiformer_study_open(const char *path, const optiformer_space *space,
                                        const optiformer_study_options *options,
                                        optiformer_study **out, optiformer_error *error);

/* The whole study as a text: what such a file would hold. Pending trials and the queue are part of
 * it, explanations and what abandoned trials had tried are not.
 * Threads: `study` is shared.
 * Errors: BUFFER_TOO_SMALL. */
optiformer_status optiformer_study_save(const optiformer_study *study, char *buffer,
                                        size_t capacity, size_t *needed, optiformer_error *error);

/* What the study came to, as JSON: "best_score" of the feasible trials, "num_evaluations",
 * "num_feasible", "converged" (the last third of the trials, and at least ten of them, improved
 * nothing) and "all_results", the trials that have ended, each with "params" and "score". Of
 * several objectives "best_score" and "converged" are null, and there is the "pareto_front".
 * Threads: `study` is shared.
 * Errors: BUFFER_TOO_SMALL. */
optiformer_status optiformer_study_results(const optiformer_study *study, char *buffer,
                                           size_t capacity, size_t *needed,
                                           optiformer_error *error);

/* A study in memory from what optiformer_study_save wrote, or from the text of a file. It goes on
 * as the one that was saved would have; pending trials stay so, to be told or offered again.
 * `model` is that of the study's options and may be NULL.
 * Threads: `model` is shared.
 * Errors: INVALID_JOURNAL with line and byte; INVALID_TEXT; INVALID_VALUE for a sampler that this
 * build lacks or that has no use for a model. */
optiformer_status optiformer_study_restore(const char *text, const optiformer_model *model,
                                           optiformer_study **out, optiformer_error *error);

/* Frees a study, poisoned or not, or does nothing for NULL. The file of a study that was opened is
 * closed.
 * Threads: `study` is exclusive. */
void optiformer_study_free(optiformer_study *study);

/* ---- Suggestions without a study ------------------------------------------------------------- */

/* An empty cache: what optiformer_suggest may keep from one call to the next. It changes no
 * suggestion, only the time that one takes. It knows its eight latest studies by sampler, model,
 * space and the beginning of the history, so that one cache serves several studies; each holds its
 * trials and what its sampler worked out from them. A history may grow, lose trials or be edited:
 * what follows the first difference is worked out again.
 * Threads: any. */
optiformer_status optiformer_cache_new(optiformer_cache **out, optiformer_error *error);

/* Frees a cache, or does nothing for NULL.
 * Threads: `cache` is exclusive. */
void optiformer_cache_free(optiformer_cache *cache);

/* Set all to zero, then struct_size to sizeof(optiformer_suggest_options). The struct only grows,
 * as optiformer_study_options does. */
typedef struct optiformer_suggest_options {
    size_t struct_size;
    const char *sampler;           /* as for a study */
    const optiformer_model *model; /* as for a study */
    uint64_t seed;                 /* the study's seed */
    uint64_t number;               /* the number of the trial that is asked for, from 0 */
    const optiformer_cache *cache; /* makes later calls faster; NULL for none */
    size_t objective_count;        /* the number of losses of a trial; 0 for one. Several count as
                                    * in a study of several objectives, suggestion by suggestion in
                                    * another combination */
    const double *constraints;     /* [finished, constraint_count], row by row: at most 0 where the
                                    * constraint holds, not finite where it was not measured */
    size_t constraint_count;       /* 0 without constraints */
} optiformer_suggest_options;

/* `count` configurations to try next, to minimize a loss: a pure function of what is passed in. A
 * study that maximizes turns the sign of its losses.
 *
 * A trial that lacks the values of some constraints counts as one that lacks those of all, and as
 * failed where one of those it has is above 0.
 *
 *   options  may be NULL for the defaults
 *   history  [finished, parameters], row by row: the trials that finished, in the order of their
 *            numbers
 *   losses   [finished], or [finished, objective_count] row by row: not finite for a failed trial,
 *            which is avoided
 *   pending  [waiting, parameters]: trials without an outcome so far
 *   out      [count, parameters]: the suggestions, each made with those before it pending; the
 *            first is for trial `number`, the next for the one after it
 *
 * Threads: `space` and the options' model and cache are shared. Threads that use a cache at the
 * same time do not wait for each other.
 * Errors: INVALID_VALUE, naming array, row and parameter; INVALID_SPACE for a space without
 * parameters; UNSUPPORTED as for optiformer_study_ask. */
optiformer_status optiformer_suggest(const optiformer_space *space,
                                     const optiformer_suggest_options *options,
                                     const double *history, const double *losses, size_t finished,
                                     const double *pending, size_t waiting, double *out,
                                     size_t count, optiformer_error *error);

/* The order in which to try given configurations: the rows of a table, a pool, a feasible set that
 * no space describes. A pure function of what is passed in, as optiformer_suggest is, whose
 * arguments it shares.
 *
 *   candidates  [count, parameters]: tried ones are ranked with the others
 *   order       [count]: the candidates' rows, the most promising first; random before two trials
 *               have succeeded
 *   ratings     [count] or NULL: what each candidate is ranked by, larger is better: expected
 *               improvement, or for "tpe" the logarithm of the ratio of densities; NaN where the
 *               sampler has no such number
 *
 * Threads: as optiformer_suggest.
 * Errors: as optiformer_suggest; INVALID_VALUE without candidates; UNSUPPORTED for "sobol" and
 * "cma_es". */
optiformer_status optiformer_choose(const optiformer_space *space,
                                    const optiformer_suggest_options *options,
                                    const double *history, const double *losses, size_t finished,
                                    const double *pending, size_t waiting,
                                    const double *candidates, size_t count, size_t *order,
                                    double *ratings, optiformer_error *error);

#ifdef __cplusplus
}
#endif

#endif /* OPTIFORMER_H */
