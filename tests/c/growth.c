/* A program that may be compiled with an older or a newer header than the library's. With LATER the
 * header has a field `later` at the end of each options struct, and longer error and explanation
 * structs. */
#include "optiformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define HOLD(condition)                                                                             \
    do {                                                                                            \
        if (!(condition)) {                                                                         \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                         \
            failures++;                                                                             \
        }                                                                                           \
    } while (0)

int main(void) {
    /* On the heap and of exactly this size, so that a memory checker sees what goes beyond. */
    optiformer_error *error = calloc(1, sizeof *error);
    optiformer_study_options *study_options = calloc(1, sizeof *study_options);
    optiformer_suggest_options *suggest_options = calloc(1, sizeof *suggest_options);
    optiformer_explanation *explanation = malloc(sizeof *explanation);
    optiformer_space *space = NULL;
    optiformer_study *study = NULL;
    double x = 0.0, value = 0.0;
    uint64_t id = 0;
    int trial;
    if (error == NULL || study_options == NULL || suggest_options == NULL || explanation == NULL) {
        return 2;
    }
    memset(explanation, 0x55, sizeof *explanation);
    error->struct_size = sizeof *error;
    study_options->struct_size = sizeof *study_options;
    suggest_options->struct_size = sizeof *suggest_options;
    explanation->struct_size = sizeof *explanation;
    HOLD(optiformer_space_new(&space, error) == OPTIFORMER_OK);
    HOLD(optiformer_space_add_float(space, "x", 1.0, 0.0, 0, 0.0, error) == OPTIFORMER_INVALID_SPACE);
    HOLD(error->status == OPTIFORMER_INVALID_SPACE && strstr(error->message, "\"x\"") != NULL);
    HOLD(optiformer_space_add_float(space, "x", 0.0, 5.0, 0, 0.0, error) == OPTIFORMER_OK);
#ifdef LATER
    study_options->later = 1;
    HOLD(optiformer_study_new(space, study_options, &study, error) == OPTIFORMER_UNSUPPORTED);
    study_options->later = 0;
    suggest_options->later = 1;
    HOLD(optiformer_suggest(space, suggest_options, NULL, NULL, 0, NULL, 0, &x, 1, error) == OPTIFORMER_UNSUPPORTED);
    suggest_options->later = 0;
#endif
    study_options->direction = OPTIFORMER_MAXIMIZE;
    study_options->sampler = "gp";
    study_options->seed = 5;
    HOLD(optiformer_study_new(space, study_options, &study, error) == OPTIFORMER_OK);
    for (trial = 0; trial < 15; trial++) {
        HOLD(optiformer_study_ask(study, &id, &x, 1, error) == OPTIFORMER_OK);
        if (trial == 14) {
            HOLD(optiformer_study_explain(study, id, explanation, error) == OPTIFORMER_OK);
            HOLD(strcmp(explanation->sampler, "gp") == 0 && explanation->improvement >= 0.0);
            HOLD(explanation->struct_size == sizeof *explanation);
#ifdef LATER
            HOLD(explanation->later == 0x5555555555555555);
#endif
        }
        printf("%.17g\n", x);
        HOLD(optiformer_study_tell(study, id, -(x - 2.0) * (x - 2.0), error) == OPTIFORMER_OK);
    }
    HOLD(optiformer_study_best(study, NULL, &x, 1, &value, error) == OPTIFORMER_OK);
    suggest_options->sampler = "sobol";
    suggest_options->seed = 5;
    suggest_options->number = 3;
    HOLD(optiformer_suggest(space, suggest_options, NULL, NULL, 0, NULL, 0, &x, 1, error) == OPTIFORMER_OK);
    printf("%.17g %.17g\n", value, x);
    optiformer_study_free(study);
    optiformer_space_free(space);
    free(error);
    free(study_options);
    free(suggest_options);
    free(explanation);
    return failures == 0 ? 0 : 1;
}
