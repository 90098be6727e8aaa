/* OptiFormer: a black-box optimiser with a transformer that proposes the next trial.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The four calls of a study:
 *
 *     optiformer_study_new(space, NULL, &study, NULL);
 *     optiformer_study_ask(study, &id, values, count, NULL);
 *     optiformer_study_tell(study, id, value, NULL);
 *     optiformer_study_best(study, &id, values, count, &value, NULL);
 *
 * Rules that hold for every function
 *
 *   Status   Functions that can fail return 0 (OPTIFORMER_OK) or another status, whose numbers never change. The last parameter may point to
 *            an optiformer_error of the caller's, with struct_size set, which then says what it is about; it may be NULL.
 *   Outputs  are written only on success, into memory of the caller's. Texts are UTF-8 and end with NUL.
 *   Handles  come from a function with an `out` parameter and are freed once, by the function named _free, which takes NULL too. A handle
 *            keeps nothing alive that was passed in: space and model may be freed while a study made with them lives.
 *   Threads  A handle that a function takes as `const` may be used by any number of threads at once; any other handle by one thread at a
 *            time. The library has no globals, starts no threads, calls nothing back, reads no environment and prints nothing of its own.
 *   Values   are doubles: a number as itself, a category by its index from 0, NaN for a parameter that a condition makes inactive. A
 *            configuration is one double per parameter, in the order in which the parameters were added.
 *   NULL     for a pointer that is needed gives OPTIFORMER_NULL_POINTER. A pointer to an array of length 0 may be NULL.
 *   Bugs     A failure inside the library gives OPTIFORMER_PANIC. A study it happened to is poisoned: every later call on it gives
 *            OPTIFORMER_POISONED, and freeing it is all that is left.
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
#define OPTIFORMER_VERSION \
    (OPTIFORMER_VERSION_MAJOR * 1000000 + OPTIFORMER_VERSION_MINOR * 1000 + OPTIFORMER_VERSION_PATCH)

/* What functions return. */
#define OPTIFORMER_OK 0               /* it worked */
#define OPTIFORMER_NULL_POINTER 1     /* a pointer that is needed is NULL */
#define OPTIFORMER_INVALID_VALUE 2    /* a value, length or option out of range */
#define OPTIFORMER_INVALID_SPACE 3    /* a space that cannot be searched */
#define OPTIFORMER_INVALID_WEIGHTS 4  /* weights truncated, damaged, or of another format */
#define OPTIFORMER_UNKNOWN_TRIAL 5    /* an id that was never handed out */
#define OPTIFORMER_ALREADY_TOLD 6     /* a trial that was told before */
#define OPTIFORMER_UNSUPPORTED 7      /* not offered by this build, model or sampler */
#define OPTIFORMER_EXHAUSTED 8        /* everything has been tried */
#define OPTIFORMER_IO 9               /* the operating system refused */
#define OPTIFORMER_BUFFER_TOO_SMALL 10 /* the length that is needed was written to *needed */
#define OPTIFORMER_NOT_FOUND 11       /* nothing to report yet */
#define OPTIFORMER_PANIC 12           /* a bug in the library */
#define OPTIFORMER_POISONED 13        /* the study met a bug before */
#define OPTIFORMER_INVALID_TEXT 14    /* a text is not UTF-8 */

typedef int32_t optiformer_status;

/* What went wrong, in memory of the caller's. Set struct_size to sizeof(optiformer_error) before the first use. */
typedef struct optiformer_error {
    size_t struct_size;
    int32_t status;
    char message[512]; /* names the parameter, field or byte offset; "" after success */
} optiformer_error;

typedef struct optiformer_model optiformer_model;
typedef struct optiformer_space optiformer_space;
typedef struct optiformer_study optiformer_study;

/* ---- Version ---------------------------------------------------------------------------------------------------------------- */

/* major * 1000000 + minor * 1000 + patch. */
uint32_t optiformer_version(void);
/* "major.minor.patch"; never freed. */
const char *optiformer_version_string(void);
/* The name of a status, "OK" or "INVALID_SPACE"; "UNKNOWN" for any other number. Never freed. */
const char *optiformer_status_name(int status);

/* ---- Models: immutable weights, shared by any number of threads and studies --------------------------------------------------- */

/* Reads a safetensors file. Errors: IO with the path; INVALID_WEIGHTS with the byte offset, field or tensor. */
optiformer_status optiformer_model_open(const char *path, optiformer_model **out, optiformer_error *error);
/* Reads such a file from memory, which may be freed afterwards. Errors: INVALID_WEIGHTS. */
optiformer_status optiformer_model_from_bytes(const uint8_t *bytes, size_t length, optiformer_model **out,
                                              optiformer_error *error);
/* The weights that are part of the library. */
optiformer_status optiformer_model_builtin(optiformer_model **out, optiformer_error *error);
/* Describes the model as JSON. Writes the length with NUL to *needed; `buffer` may be NULL to ask for it, and `needed` may be NULL.
 * Errors: BUFFER_TOO_SMALL (then *needed is written all the same). */
optiformer_status optiformer_model_description(const optiformer_model *model, char *buffer, size_t capacity, size_t *needed,
                                               optiformer_error *error);
void optiformer_model_free(optiformer_model *model);

/* ---- Search spaces ------------------------------------------------------------------------------------------------------------- */

/* An empty space, to be filled. */
optiformer_status optiformer_space_new(optiformer_space **out, optiformer_error *error);
/* A space from its JSON document (docs/tool.md). Errors: INVALID_SPACE with line and column or the parameter's name. */
optiformer_status optiformer_space_from_json(const char *json, optiformer_space **out, optiformer_error *error);
/* A real number in [low, high]; on a logarithmic scale if `log` is not 0; only low + k * step if `step` is not 0.
 * Errors: INVALID_SPACE, naming the parameter; the space is then as it was. So for the functions below. */
optiformer_status optiformer_space_add_float(optiformer_space *space, const char *name, double low, double high, int log,
                                             double step, optiformer_error *error);
/* A whole number in [low, high], within +-2^53; only low + k * step (a step of 0 counts as 1). */
optiformer_status optiformer_space_add_int(optiformer_space *space, const char *name, int64_t low, int64_t high, int log,
                                           int64_t step, optiformer_error *error);
/* One of `count` choices; its value is the index. */
optiformer_status optiformer_space_add_categorical(optiformer_space *space, const char *name, const char *const *choices,
                                                   size_t count, optiformer_error *error);
/* Makes `name` active only when `parent`, added before it and a whole number or a choice, has one of `count` values. */
optiformer_status optiformer_space_set_condition(optiformer_space *space, const char *name, const char *parent,
                                                 const double *values, size_t count, optiformer_error *error);
/* The number of parameters; 0 for NULL. */
size_t optiformer_space_count(const optiformer_space *space);
/* The space as JSON; buffer, capacity and needed as for optiformer_model_description. */
optiformer_status optiformer_space_to_json(const optiformer_space *space, char *buffer, size_t capacity, size_t *needed,
                                           optiformer_error *error);
void optiformer_space_free(optiformer_space *space);

/* ---- Studies: ask and tell ------------------------------------------------------------------------------------------------------ */

#define OPTIFORMER_MINIMISE 0
#define OPTIFORMER_MAXIMISE 1

/* Set all to zero, then struct_size to sizeof(optiformer_study_options). The struct only grows. */
typedef struct optiformer_study_options {
    size_t struct_size;
    int32_t direction;             /* OPTIFORMER_MINIMISE or OPTIFORMER_MAXIMISE */
    const char *sampler;           /* "optiformer", "tpe", "sobol", "random"; NULL for "optiformer" */
    const optiformer_model *model; /* for "optiformer"; NULL for the built-in weights */
    uint64_t seed;                 /* the same seed and answers give the same suggestions */
} optiformer_study_options;

/* A study over a copy of `space`. `options` may be NULL for the defaults. */
optiformer_status optiformer_study_new(const optiformer_space *space, const optiformer_study_options *options,
                                       optiformer_study **out, optiformer_error *error);
/* The next trial: its id, and `count` (= number of parameters) values. Any number of trials may be pending. */
optiformer_status optiformer_study_ask(optiformer_study *study, uint64_t *id, double *values, size_t count,
                                       optiformer_error *error);
/* How trial `id` went. A value that is not finite counts as a failed trial. Errors: UNKNOWN_TRIAL, ALREADY_TOLD. */
optiformer_status optiformer_study_tell(optiformer_study *study, uint64_t id, double value, optiformer_error *error);
/* That trial `id` failed: it is kept, and avoided. Errors as above. */
optiformer_status optiformer_study_tell_failed(optiformer_study *study, uint64_t id, optiformer_error *error);
/* A trial that was made elsewhere; NaN as `value` for a failed one. `id` may be NULL. Errors: INVALID_VALUE, naming the parameter. */
optiformer_status optiformer_study_add(optiformer_study *study, const double *values, size_t count, double value,
                                       uint64_t *id, optiformer_error *error);
/* A configuration to be asked for before any other: a known good point. */
optiformer_status optiformer_study_enqueue(optiformer_study *study, const double *values, size_t count,
                                           optiformer_error *error);
/* The best trial so far; `id` may be NULL. Errors: NOT_FOUND when none has finished. */
optiformer_status optiformer_study_best(const optiformer_study *study, uint64_t *id, double *values, size_t count,
                                        double *value, optiformer_error *error);
/* How many trials have finished, failed, and are pending; each pointer may be NULL. */
optiformer_status optiformer_study_counts(const optiformer_study *study, size_t *finished, size_t *failed, size_t *pending,
                                          optiformer_error *error);
void optiformer_study_free(optiformer_study *study);

/* ---- Suggestions without a study -------------------------------------------------------------------------------------------------- */

/* Set all to zero, then struct_size to sizeof(optiformer_suggest_options). The struct only grows. */
typedef struct optiformer_suggest_options {
    size_t struct_size;
    const char *sampler;           /* as for a study */
    const optiformer_model *model; /* as for a study */
    uint64_t seed;                 /* the study's seed */
    uint64_t number;               /* the number of the trial that is asked for, from 0 */
} optiformer_suggest_options;

/* `count` configurations to try next ([count, parameters], row by row, to `out`), to minimise the loss, given `finished` trials
 * (`history` [finished, parameters], `losses` [finished], not finite for a failed trial) and `waiting` trials without an outcome
 * (`pending` [waiting, parameters]). A pure function of what is passed in. Each suggestion takes the ones before it for pending.
 * Errors: INVALID_VALUE, naming row and parameter. */
optiformer_status optiformer_suggest(const optiformer_space *space, const optiformer_suggest_options *options,
                                     const double *history, const double *losses, size_t finished, const double *pending,
                                     size_t waiting, double *out, size_t count, optiformer_error *error);

#ifdef __cplusplus
}
#endif

#endif /* OPTIFORMER_H */
