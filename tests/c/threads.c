/* Many threads share one model and one space, and each gets what it would get alone. */
#include "optiformer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define THREADS 4
#define TRIALS 8

static optiformer_model *model;
static optiformer_space *space;

static void *run(void *argument) {
    double *values = argument;
    optiformer_study_options options;
    optiformer_study *study = NULL;
    uint64_t id;
    int trial;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.model = model;
    if (optiformer_study_new(space, &options, &study, NULL) != OPTIFORMER_OK) {
        return NULL;
    }
    for (trial = 0; trial < TRIALS; trial++) {
        double *point = values + 2 * trial;
        if (optiformer_study_ask(study, &id, point, 2, NULL) != OPTIFORMER_OK) {
            return NULL;
        }
        optiformer_study_tell(study, id, point[0] * point[0] + point[1], NULL);
    }
    optiformer_study_free(study);
    return argument;
}

int main(void) {
    static double values[THREADS][2 * TRIALS];
    pthread_t threads[THREADS];
    void *result;
    int index, failures = 0;
    if (optiformer_model_builtin(&model, NULL) || optiformer_space_new(&space, NULL) ||
        optiformer_space_add_float(space, "x", -1.0, 1.0, 0, 0.0, NULL) ||
        optiformer_space_add_float(space, "y", 0.0, 1.0, 0, 0.0, NULL)) {
        return 1;
    }
    for (index = 0; index < THREADS; index++) {
        if (pthread_create(&threads[index], NULL, run, values[index]) != 0) {
            return 1;
        }
    }
    for (index = 0; index < THREADS; index++) {
        pthread_join(threads[index], &result);
        failures += result == NULL || memcmp(values[index], values[0], sizeof values[0]) != 0;
    }
    optiformer_model_free(model);
    optiformer_space_free(space);
    return failures;
}
