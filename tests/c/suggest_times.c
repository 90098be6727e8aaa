/* What a suggestion costs behind a history, without a cache and with one: median milliseconds of
 * processor time.
 *
 *     suggest_times [PARAMETERS TRIALS...]     the default is 6 100 1000 10000
 */
#define _POSIX_C_SOURCE 199309L
#include "optiformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 15

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static int ascending(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static double loss(const double *values, size_t width) {
    double sum = 0.0;
    size_t index;
    for (index = 0; index < width; index++) {
        double distance = values[index] - 0.3 - 0.01 * (double)index;
        sum += distance * distance;
    }
    return sum;
}

/* Asks and tells `rounds` times behind the history, and gives the median; the first ask is not
 * counted. */
static double median(const optiformer_space *space, const char *sampler, const optiformer_cache *cache, double *rows, double *losses,
                     size_t trials, int rounds, double *first) {
    optiformer_suggest_options options;
    optiformer_error error = {sizeof error, 0, ""};
    size_t width = optiformer_space_count(space);
    double times[ROUNDS];
    int round;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.sampler = sampler;
    options.seed = 3;
    options.cache = cache;
    for (round = -1; round < rounds; round++, trials++) {
        double begin = milliseconds();
        options.number = trials;
        if (optiformer_suggest(space, &options, rows, losses, trials, NULL, 0, rows + trials * width, 1, &error)) {
            fprintf(stderr, "%s\n", error.message);
            exit(1);
        }
        *(round < 0 ? first : &times[round]) = milliseconds() - begin;
        losses[trials] = loss(rows + trials * width, width);
    }
    qsort(times, (size_t)rounds, sizeof times[0], ascending);
    return times[rounds / 2];
}

static void measure(const optiformer_space *space, const char *sampler, size_t trials) {
    size_t width = optiformer_space_count(space), most = trials + ROUNDS + 1, index;
    double *rows = malloc(most * width * sizeof(double)), *again = malloc(width * sizeof(double)), *losses = malloc(most * sizeof(double));
    double plain, cached, first, ignored;
    optiformer_cache *cache = NULL;
    uint64_t state = 7;
    if (rows == NULL || again == NULL || losses == NULL || optiformer_cache_new(&cache, NULL)) {
        exit(1);
    }
    for (index = 0; index < trials * width; index++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        rows[index] = (double)(state >> 11) / 9007199254740992.0;
    }
    for (index = 0; index < trials; index++) {
        losses[index] = loss(rows + index * width, width);
    }
    plain = median(space, sampler, NULL, rows, losses, trials, ROUNDS, &ignored);
    memcpy(again, rows + trials * width, width * sizeof(double));
    cached = median(space, sampler, cache, rows, losses, trials, ROUNDS, &first);
    if (memcmp(again, rows + trials * width, width * sizeof(double)) != 0) {
        fprintf(stderr, "%s: the cache changed a suggestion\n", sampler);
        exit(1);
    }
    printf("%-12s %10zu %8zu %14.3f %12.3f %12.3f\n", sampler, width, trials, plain, first, cached);
    fflush(stdout);
    optiformer_cache_free(cache);
    free(rows);
    free(again);
    free(losses);
}

int main(int count, char **arguments) {
    static const char *const samplers[] = {"tpe", "auto"};
    static char *defaults[] = {"", "6", "100", "1000", "10000"};
    optiformer_space *space = NULL;
    char name[32];
    int index, sampler;
    if (count < 3) {
        count = 5;
        arguments = defaults;
    }
    if (optiformer_space_new(&space, NULL)) {
        return 1;
    }
    for (index = 0; index < atoi(arguments[1]); index++) {
        snprintf(name, sizeof name, "x%d", index);
        if (optiformer_space_add_float(space, name, 0.0, 1.0, 0, 0.0, NULL)) {
            return 1;
        }
    }
    printf("%-12s %10s %8s %14s %12s %12s\n", "sampler", "parameters", "trials", "without cache", "first with", "with cache");
    for (sampler = 0; sampler < 2; sampler++) {
        for (index = 2; index < count; index++) {
            measure(space, samplers[sampler], (size_t)atol(arguments[index]));
        }
    }
    optiformer_space_free(space);
    return 0;
}
