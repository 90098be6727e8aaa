/* Minimizes a function over mixed parameters, by ask and tell and without a study. */
#include "optiformer.h"
#include "optiformer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static optiformer_error error;

#define CHECK(call)                                                                                  \
    do {                                                                                             \
        if ((call) != OPTIFORMER_OK) {                                                               \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, optiformer_status_name(error.status),     \
                    error.message);                                                                  \
            return 1;                                                                                \
        }                                                                                            \
    } while (0)
#define EXPECT(condition)                                                                            \
    do {                                                                                             \
        if (!(condition)) {                                                                          \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                          \
            return 1;                                                                                \
        }                                                                                            \
    } while (0)

/* Least at x = 2, n = 7, "b", where y is active and best at 0.01: 0. */
static double objective(const double *values) {
    double x = values[0] - 2.0, n = (values[1] - 7.0) / 4.0, loss = x * x + n * n;
    if (values[2] == 1.0) {
        double y = log10(values[3]) + 2.0;
        return loss + 0.2 * y * y;
    }
    return isnan(values[3]) ? loss + 1.0 : -1e9;
}

static int study(const optiformer_space *space, const char *sampler, const optiformer_model *model) {
    optiformer_study_options options;
    optiformer_study *study = NULL;
    optiformer_explanation reasons;
    double values[4], best = INFINITY, reported = 0.0;
    int predicted = 0;
    size_t finished = 0, failed = 0, pending = 0;
    uint64_t id = 0;
    int trial;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.sampler = sampler;
    options.model = model;
    options.seed = 3;
    CHECK(optiformer_study_new(space, &options, &study, &error));
    EXPECT(optiformer_study_best(study, NULL, values, 4, &reported, &error) == OPTIFORMER_NOT_FOUND);
    for (trial = 0; trial < 40; trial++) {
        CHECK(optiformer_study_ask(study, &id, values, 4, &error));
        EXPECT(values[0] >= -5.0 && values[0] <= 5.0);
        EXPECT(values[1] >= 1.0 && values[1] <= 20.0 && values[1] == floor(values[1]));
        EXPECT(values[2] == 0.0 || values[2] == 1.0);
        EXPECT(values[2] == 0.0 ? isnan(values[3]) : values[3] >= 1e-4 && values[3] <= 1.0);
        memset(&reasons, 0, sizeof reasons);
        EXPECT(optiformer_study_explain(study, id, &reasons, &error) == OPTIFORMER_INVALID_VALUE);
        reasons.struct_size = sizeof reasons;
        CHECK(optiformer_study_explain(study, id, &reasons, &error));
        EXPECT(reasons.sampler[0] != 0 && reasons.origin[0] != 0);
        EXPECT(isnan(reasons.median) || (reasons.deviation >= 0.0 && reasons.improvement >= 0.0));
        predicted += !isnan(reasons.median);
        if (trial == 5) {
            CHECK(optiformer_study_tell_failed(study, id, &error));
            continue;
        }
        best = fmin(best, objective(values));
        CHECK(optiformer_study_tell(study, id, objective(values), &error));
    }
    CHECK(optiformer_study_best(study, &id, values, 4, &reported, &error));
    EXPECT(reported == best && objective(values) == best);
    CHECK(optiformer_study_counts(study, &finished, &failed, &pending, &error));
    EXPECT(finished == 39 && failed == 1 && pending == 0);
    EXPECT(optiformer_study_explain(study, id, &reasons, &error) == OPTIFORMER_NOT_FOUND);
    EXPECT(optiformer_study_explain(study, 40, &reasons, &error) == OPTIFORMER_UNKNOWN_TRIAL);
    if (strcmp(sampler, "auto") == 0 || strcmp(sampler, "gp") == 0 || strcmp(sampler, "optiformer") == 0) {
        EXPECT(predicted >= 10);
    }
    printf("%s: %.17g\n", sampler, best);
    optiformer_study_free(study);
    return 0;
}

static int stateless(const optiformer_space *space, const char *sampler, const optiformer_model *model) {
    optiformer_suggest_options options;
    double history[24 * 4], losses[24], again[4];
    size_t trial;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.sampler = sampler;
    options.model = model;
    options.seed = 5;
    for (trial = 0; trial < 24; trial += 2) {
        /* Two at a time: the second takes the first for pending. */
        options.number = trial;
        CHECK(optiformer_suggest(space, &options, history, losses, trial, NULL, 0, history + 4 * trial, 2, &error));
        losses[trial] = objective(history + 4 * trial);
        losses[trial + 1] = objective(history + 4 * (trial + 1));
    }
    /* The same request has the same answer. */
    options.number = 22;
    CHECK(optiformer_suggest(space, &options, history, losses, 22, NULL, 0, again, 1, &error));
    EXPECT(memcmp(again, history + 4 * 22, sizeof(double) * 3) == 0);
    /* A failed and a pending trial are understood. */
    losses[3] = NAN;
    options.number = 22;
    CHECK(optiformer_suggest(space, &options, history, losses, 20, history + 4 * 20, 2, again, 1, &error));
    EXPECT(memcmp(again, history + 4 * 20, sizeof(double) * 2) != 0);
    return 0;
}

int main(void) {
    static const char *const choices[] = {"a", "b"};
    const double b = 1.0;
    char json[1024];
    size_t needed = 0;
    int major = 0, minor = 0, patch = 0;
    optiformer_space *space = NULL;
    optiformer_model *model = NULL;
    error.struct_size = sizeof error;
    EXPECT(optiformer_version() == OPTIFORMER_VERSION);
    EXPECT(sscanf(optiformer_version_string(), "%d.%d.%d", &major, &minor, &patch) == 3);
    EXPECT(major * 1000000 + minor * 1000 + patch == OPTIFORMER_VERSION);
    CHECK(optiformer_space_new(&space, &error));
    CHECK(optiformer_space_add_float(space, "x", -5.0, 5.0, 0, 0.0, &error));
    CHECK(optiformer_space_add_int(space, "n", 1, 20, 0, 0, &error));
    CHECK(optiformer_space_add_categorical(space, "c", choices, 2, &error));
    CHECK(optiformer_space_add_float(space, "y", 1e-4, 1.0, 1, 0.0, &error));
    CHECK(optiformer_space_set_condition(space, "y", "c", &b, 1, &error));
    EXPECT(optiformer_space_count(space) == 4);
    CHECK(optiformer_space_name(space, 3, NULL, 0, &needed, &error));
    EXPECT(needed == 2);
    CHECK(optiformer_space_name(space, 3, json, sizeof json, NULL, &error));
    EXPECT(strcmp(json, "y") == 0);
    CHECK(optiformer_space_to_json(space, NULL, 0, &needed, &error));
    EXPECT(needed < sizeof json);
    EXPECT(optiformer_space_to_json(space, json, needed - 1, NULL, &error) == OPTIFORMER_BUFFER_TOO_SMALL);
    CHECK(optiformer_space_to_json(space, json, sizeof json, NULL, &error));
    EXPECT(strlen(json) + 1 == needed && strstr(json, "\"when\"") != NULL);
    CHECK(optiformer_model_builtin(&model, &error));
    CHECK(optiformer_model_description(model, json, sizeof json, &needed, &error));
    if (study(space, "auto", NULL) != 0 || study(space, "auto", model) != 0 || study(space, "gp", NULL) != 0 ||
        stateless(space, "auto", NULL) != 0 || study(space, "optiformer", model) != 0 || study(space, "optiformer", NULL) != 0 ||
        study(space, "tpe", NULL) != 0 || study(space, "cma_es", NULL) != 0 ||
        study(space, "local_search", NULL) != 0 || study(space, "sobol", NULL) != 0 || study(space, "random", NULL) != 0 ||
        stateless(space, "optiformer", model) != 0 || stateless(space, "tpe", NULL) != 0) {
        return 1;
    }
    optiformer_model_free(model);
    optiformer_space_free(space);
    return 0;
}
