/* Many threads share one model, one space and one study that is only read, and each gets what it
 * would get alone. */
#include "optiformer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define THREADS 4
#define TRIALS 8

static optiformer_model *model;
static optiformer_space *space;
static optiformer_study *finished_study;

/* What is const is used by all threads at once. */
static int shared(double *suggested) {
    optiformer_suggest_options options;
    const double history[] = {-0.5, 0.25, 0.5, 0.75, 0.0, 0.5, 0.25, 0.125, -1.0, 1.0};
    const double losses[] = {3.0, 2.0, 1.0, 5.0, 4.0};
    char text[512];
    double values[2], value = 0.0;
    size_t finished = 0;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.model = model;
    options.number = 5;
    return optiformer_suggest(space, &options, history, losses, 5, NULL, 0, suggested, 2, NULL) ||
           optiformer_space_to_json(space, text, sizeof text, NULL, NULL) || optiformer_space_count(space) != 2 ||
           optiformer_model_description(model, NULL, 0, &finished, NULL) ||
           optiformer_study_best(finished_study, NULL, values, 2, &value, NULL) || value != 7.0 ||
           optiformer_study_counts(finished_study, &finished, NULL, NULL, NULL) || finished != 1;
}

static void *run(void *argument) {
    double *values = argument;
    double *suggested = values + 2 * TRIALS;
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
    for (trial = 0; trial < TRIALS; trial++) {
        if (shared(suggested) != 0) {
            return NULL;
        }
    }
    return argument;
}

int main(void) {
    static double values[THREADS][2 * TRIALS + 4];
    const double point[2] = {0.5, 0.5};
    pthread_t threads[THREADS];
    void *result;
    int index, failures = 0;
    if (optiformer_model_builtin(&model, NULL) || optiformer_space_new(&space, NULL) ||
        optiformer_space_add_float(space, "x", -1.0, 1.0, 0, 0.0, NULL) ||
        optiformer_space_add_float(space, "y", 0.0, 1.0, 0, 0.0, NULL) ||
        optiformer_study_new(space, NULL, &finished_study, NULL) ||
        optiformer_study_add(finished_study, point, 2, 7.0, NULL, NULL)) {
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
    optiformer_study_free(finished_study);
    optiformer_model_free(model);
    optiformer_space_free(space);
    return failures;
}
