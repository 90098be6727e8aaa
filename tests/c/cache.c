/* A cache changes no suggestion: each is held against the call without one, for every sampler,
 * while histories grow, trials come out of order, are edited and deleted, two spaces share a cache,
 * and threads do. */
#include "optiformer.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 4
#define MOST 96
#define THREADS 4

typedef struct study {
    const optiformer_space *space;
    size_t width, trials;
    double rows[MOST * WIDTH], losses[MOST];
} study;

static optiformer_space *mixed, *floats;
static optiformer_cache *cache;
static int failures;

static void suggest(const study *of, const char *sampler, const optiformer_cache *with, uint64_t number, size_t waiting, double *out) {
    optiformer_suggest_options options;
    optiformer_error error = {sizeof error, 0, ""};
    size_t finished = of->trials - waiting;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.sampler = sampler;
    options.seed = 17;
    options.number = number;
    options.cache = with;
    if (optiformer_suggest(of->space, &options, of->rows, of->losses, finished, of->rows + finished * of->width, waiting, out, 2, &error)) {
        fprintf(stderr, "%s, trial %d: %s\n", sampler, (int)number, error.message);
        failures++;
    }
}

/* Adds the trial that is suggested next, by both calls alike. */
static void step(study *of, const char *sampler, const optiformer_cache *with, uint64_t number) {
    double plain[2 * WIDTH], cached[2 * WIDTH], loss;
    size_t width = of->width, size = 2 * width * sizeof(double), waiting = number % 7 == 6 ? 2 : 0;
    memset(plain, 0, sizeof plain);
    memset(cached, 1, sizeof cached);
    suggest(of, sampler, NULL, number, waiting, plain);
    suggest(of, sampler, with, number, waiting, cached);
    if (memcmp(plain, cached, size) != 0) {
        fprintf(stderr, "%s, trial %d: the cache changed the suggestion\n", sampler, (int)number);
        failures++;
    }
    loss = (plain[0] - 0.3) * (plain[0] - 0.3) + 0.01 * plain[1] * plain[1];
    memcpy(of->rows + of->trials * width, plain, width * sizeof(double));
    of->losses[of->trials++] = number % 11 == 7 ? NAN : loss;
}

static void swap(study *of, size_t one, size_t other) {
    size_t index;
    double kept;
    for (index = 0; index < of->width; index++) {
        kept = of->rows[one * of->width + index];
        of->rows[one * of->width + index] = of->rows[other * of->width + index];
        of->rows[other * of->width + index] = kept;
    }
    kept = of->losses[one];
    of->losses[one] = of->losses[other];
    of->losses[other] = kept;
}

/* What a storage does to a history between two calls. */
static void disturb(study *of, uint64_t number) {
    size_t last = of->trials - 1, place = of->trials / 2;
    if (number % 5 == 4) {
        /* The trial finished before the one that was asked for earlier. */
        swap(of, last - 1, last);
    }
    if (number % 9 == 8) {
        of->losses[last - 2] += 0.125;
    }
    if (number % 13 == 12) {
        size_t after = of->trials - place - 1;
        memmove(of->rows + place * of->width, of->rows + (place + 1) * of->width, after * of->width * sizeof(double));
        memmove(of->losses + place, of->losses + place + 1, after * sizeof(double));
        of->trials--;
    }
    if (number % 17 == 16) {
        of->trials -= 6;
    }
}

static study fresh(const optiformer_space *space) {
    study of;
    memset(&of, 0, sizeof of);
    of.space = space;
    of.width = optiformer_space_count(space);
    return of;
}

static void compare(const char *sampler, uint64_t rounds) {
    study one = fresh(mixed), other = fresh(floats);
    uint64_t number;
    for (number = 0; number < rounds; number++) {
        step(&one, sampler, cache, number);
        step(&other, sampler, cache, number);
        disturb(&one, number);
        disturb(&other, number);
    }
}

/* All threads go through the same study with one cache, and two of them through another one. */
static void *run(void *argument) {
    int thread = *(const int *)argument;
    static const char *const samplers[] = {"tpe", "cma_es"};
    study *of = argument;
    uint64_t number;
    *of = fresh(thread % 2 == 0 ? mixed : floats);
    for (number = 0; number < 40; number++) {
        step(of, samplers[number % 2], cache, number);
    }
    return NULL;
}

static void threads(void) {
    static union {
        int thread;
        study of;
    } each[THREADS];
    pthread_t running[THREADS];
    int index;
    for (index = 0; index < THREADS; index++) {
        each[index].thread = index;
        if (pthread_create(&running[index], NULL, run, &each[index]) != 0) {
            failures++;
            return;
        }
    }
    for (index = 0; index < THREADS; index++) {
        pthread_join(running[index], NULL);
    }
    for (index = 2; index < THREADS; index++) {
        failures += memcmp(each[index].of.rows, each[index - 2].of.rows, sizeof each[0].of.rows) != 0;
    }
}

int main(void) {
    static const char *const kinds[] = {"a", "b", "c"};
    const double values[] = {0.0, 2.0};
    static const struct {
        const char *sampler;
        uint64_t rounds;
    } plan[] = {{"random", 40}, {"sobol", 40}, {"tpe", 90}, {"cma_es", 90}, {"local_search", 50}, {"gp", 20}, {"optiformer", 20}, {"auto", 28}};
    size_t index;
    if (optiformer_space_new(&mixed, NULL) || optiformer_space_add_float(mixed, "x", 1e-3, 1.0, 1, 0.0, NULL) ||
        optiformer_space_add_int(mixed, "n", 1, 32, 0, 1, NULL) || optiformer_space_add_categorical(mixed, "kind", kinds, 3, NULL) ||
        optiformer_space_add_float(mixed, "y", 0.0, 1.0, 0, 0.0, NULL) ||
        optiformer_space_set_condition(mixed, "y", "kind", values, 2, NULL) || optiformer_space_new(&floats, NULL) ||
        optiformer_space_add_float(floats, "x", -1.0, 1.0, 0, 0.0, NULL) ||
        optiformer_space_add_float(floats, "y", 0.0, 1.0, 0, 0.0, NULL) || optiformer_cache_new(&cache, NULL)) {
        return 2;
    }
    for (index = 0; index < sizeof plan / sizeof plan[0]; index++) {
        compare(plan[index].sampler, plan[index].rounds);
    }
    threads();
    optiformer_cache_free(cache);
    optiformer_cache_free(NULL);
    optiformer_space_free(mixed);
    optiformer_space_free(floats);
    return failures == 0 ? 0 : 1;
}
