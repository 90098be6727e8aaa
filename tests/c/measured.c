/* Studies with constraints, several objectives and intermediate values, in memory and in the file
 * that is the argument; and the same without a study. */
#include "check.h"
#include "optiformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 2
#define TRIALS 24

static const char *const constraint_names[] = {"weight", "price"};
static const char *const objective_names[] = {"error", "speed"};
static const int32_t directions[] = {OPTIFORMER_MINIMIZE, OPTIFORMER_MAXIMIZE};

/* A restored copy has the same text. */
static void check_copy(const optiformer_study *study) {
    optiformer_study *copy = NULL;
    char *text = saved(study), *again;
    EXPECT(OK, NULL, optiformer_study_restore(text, NULL, &copy, &error));
    again = saved(copy);
    HOLD(strcmp(text, again) == 0);
    optiformer_study_free(copy);
    free(text);
    free(again);
}

static void refused_options(const optiformer_space *space) {
    static const char *const twice[] = {"weight", "weight"};
    static const char *const holes[] = {"weight", NULL};
    static const char *const empty[] = {""};
    static const char *const latin[] = {"\xff"};
    static const int32_t wrong[] = {OPTIFORMER_MINIMIZE, 2};
    optiformer_study_options options = options_for("random");
    optiformer_study *study = NULL;
    options.constraint_count = 2;
    EXPECT(NULL_POINTER, "constraints", optiformer_study_new(space, &options, &study, &error));
    options.constraints = twice;
    EXPECT(INVALID_VALUE, "\"weight\" of constraints occurs twice", optiformer_study_new(space, &options, &study, &error));
    options.constraints = holes;
    EXPECT(NULL_POINTER, "constraints[1]", optiformer_study_new(space, &options, &study, &error));
    options.constraints = empty;
    options.constraint_count = 1;
    EXPECT(INVALID_VALUE, "is empty", optiformer_study_new(space, &options, &study, &error));
    options.constraints = latin;
    EXPECT(INVALID_TEXT, "constraints[0]", optiformer_study_new(space, &options, &study, &error));
    options.constraint_count = SIZE_MAX / 4;
    EXPECT(INVALID_VALUE, "constraints", optiformer_study_new(space, &options, &study, &error));
    options.constraint_count = 0;
    options.objective_count = 2;
    EXPECT(NULL_POINTER, "objectives", optiformer_study_new(space, &options, &study, &error));
    options.objectives = twice;
    EXPECT(INVALID_VALUE, "of objectives occurs twice", optiformer_study_new(space, &options, &study, &error));
    options.objectives = objective_names;
    options.directions = wrong;
    EXPECT(INVALID_VALUE, "directions[1] 2", optiformer_study_new(space, &options, &study, &error));
    HOLD(study == NULL);
}

static void constraints(const optiformer_space *space) {
    optiformer_study_options options = options_for("random");
    optiformer_study *study = NULL;
    const double added[WIDTH] = {0.5, 3.0}, open[WIDTH] = {0.25, NAN};
    double values[WIDTH], value = 0.0, read[3 * TRIALS], violation = -1.0;
    double objective = 4.0, measured[2] = {-1.0, 2.0};
    size_t parameters = 0, objectives = 0, count = 0;
    uint64_t id = 0, ids[4];
    char text[512];
    options.constraints = constraint_names;
    options.constraint_count = 2;
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    EXPECT(OK, NULL, optiformer_study_shape(study, &parameters, &objectives, &count, &error));
    HOLD(parameters == WIDTH && objectives == 1 && count == 2);
    EXPECT(OK, NULL, optiformer_study_shape(study, NULL, NULL, NULL, NULL));
    EXPECT(OK, NULL, optiformer_study_description(study, text, sizeof text, NULL, &error));
    HOLD(strstr(text, "\"constraints\":[\"weight\",\"price\"]") != NULL);

    /* A value is left open, and filled in. */
    EXPECT(OK, NULL, optiformer_study_enqueue(study, open, WIDTH, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    HOLD(id == 0 && values[0] == 0.25 && values[1] >= 0.0 && values[1] <= 9.0);

    EXPECT(INVALID_VALUE, "2 constraints (weight, price)", optiformer_study_tell(study, 0, 1.0, &error));
    EXPECT(INVALID_VALUE, "1 constraint value was", optiformer_study_tell_measured(study, 0, &objective, 1, measured, 1, &error));
    EXPECT(INVALID_VALUE, "1 objective (value)", optiformer_study_tell_measured(study, 0, measured, 2, measured, 2, &error));
    EXPECT(NULL_POINTER, "objectives", optiformer_study_tell_measured(study, 0, NULL, 1, measured, 2, &error));
    EXPECT(NULL_POINTER, "constraints", optiformer_study_tell_measured(study, 0, &objective, 1, NULL, 2, &error));
    EXPECT(UNKNOWN_TRIAL, "7", optiformer_study_tell_measured(study, 7, &objective, 1, measured, 2, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_tell_measured(NULL, 0, &objective, 1, measured, 2, &error));
    EXPECT(OK, NULL, optiformer_study_tell_measured(study, 0, &objective, 1, measured, 2, &error));
    EXPECT(ALREADY_TOLD, NULL, optiformer_study_tell_measured(study, 0, &objective, 1, measured, 2, &error));

    /* While nothing is feasible, what violates least is the best. */
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    objective = 9.0;
    measured[1] = 0.5;
    EXPECT(OK, NULL, optiformer_study_tell_measured(study, 1, &objective, 1, measured, 2, &error));
    EXPECT(OK, NULL, optiformer_study_best(study, &id, values, WIDTH, &value, &error));
    EXPECT(OK, NULL, optiformer_study_violation(study, id, &violation, &error));
    HOLD(id == 1 && value == 9.0 && violation == 0.5);
    EXPECT(OK, NULL, optiformer_study_front(study, NULL, 0, &count, &error));
    HOLD(count == 0);

    /* Feasible ones, added and told; then only the constraints, and a number that is none. */
    objective = 5.0;
    measured[1] = 0.0;
    EXPECT(INVALID_VALUE, "3 values", optiformer_study_add_measured(study, added, 3, &objective, 1, measured, 2, &id, &error));
    EXPECT(INVALID_VALUE, "0 constraint values", optiformer_study_add_measured(study, added, WIDTH, &objective, 1, NULL, 0, &id, &error));
    EXPECT(NULL_POINTER, "values", optiformer_study_add_measured(study, NULL, WIDTH, &objective, 1, measured, 2, &id, &error));
    EXPECT(OK, NULL, optiformer_study_add_measured(study, added, WIDTH, &objective, 1, measured, 2, &id, &error));
    HOLD(id == 2);
    EXPECT(OK, NULL, optiformer_study_add_measured(study, added, WIDTH, &objective, 1, measured, 2, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    EXPECT(INVALID_VALUE, "0 objective values", optiformer_study_tell_measured(study, id, NULL, 0, measured, 2, &error));
    measured[0] = 3.0;
    EXPECT(OK, NULL, optiformer_study_tell_measured(study, id, NULL, 0, measured, 2, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    measured[0] = NAN;
    EXPECT(OK, NULL, optiformer_study_tell_measured(study, id, &objective, 1, measured, 2, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    EXPECT(OK, NULL, optiformer_study_best(study, &id, values, WIDTH, &value, &error));
    HOLD(id == 2 && value == 5.0);
    EXPECT(OK, NULL, optiformer_study_front(study, ids, 4, &count, &error));
    HOLD(count == 2 && ids[0] == 2 && ids[1] == 3);
    EXPECT(BUFFER_TOO_SMALL, "room for 1", optiformer_study_front(study, ids, 1, &count, &error));
    HOLD(count == 2);
    EXPECT(NULL_POINTER, "count", optiformer_study_front(study, ids, 4, NULL, &error));

    /* All of it read back. */
    EXPECT(OK, NULL, optiformer_study_measurements(study, NULL, NULL, 0, &count, &error));
    HOLD(count == 7);
    EXPECT(BUFFER_TOO_SMALL, "room for 6", optiformer_study_measurements(study, read, NULL, 6, &count, &error));
    EXPECT(NULL_POINTER, "count", optiformer_study_measurements(study, read, NULL, 7, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_measurements(study, read, NULL, 7, &count, &error));
    HOLD(read[0] == 4.0 && read[1] == 9.0 && read[3] == 5.0 && isnan(read[4]) && isnan(read[5]) && isnan(read[6]));
    EXPECT(OK, NULL, optiformer_study_measurements(study, NULL, read, 7, &count, &error));
    HOLD(read[0] == -1.0 && read[1] == 2.0 && read[3] == 0.5 && read[8] == 3.0 && read[9] == 0.0 && isnan(read[10]) && isnan(read[12]));
    EXPECT(OK, NULL, optiformer_study_violation(study, 4, &violation, &error));
    HOLD(violation == 3.0);
    EXPECT(OK, NULL, optiformer_study_violation(study, 6, &violation, &error));
    HOLD(isnan(violation));
    EXPECT(UNKNOWN_TRIAL, "7", optiformer_study_violation(study, 7, &violation, &error));
    EXPECT(NULL_POINTER, "violation", optiformer_study_violation(study, 4, NULL, &error));
    check_copy(study);
    optiformer_study_free(study);
    EXPECT(NULL_POINTER, "study", optiformer_study_shape(NULL, NULL, NULL, NULL, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_front(NULL, ids, 4, &count, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_violation(NULL, 0, &violation, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_measurements(NULL, read, read, 7, &count, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_add_measured(NULL, added, WIDTH, &objective, 1, measured, 2, &id, &error));
}

static void reports(const optiformer_space *space) {
    optiformer_study_options options = options_for("random");
    optiformer_study *study = NULL;
    double values[WIDTH], read[4];
    uint64_t id = 0, steps[4], ids[3];
    int32_t states[3];
    size_t count = 0, finished = 0, failed = 0, pending = 0;
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    EXPECT(OK, NULL, optiformer_study_report(study, id, 1, 8.0, &error));
    EXPECT(INVALID_VALUE, "step 1", optiformer_study_report(study, id, 1, 7.0, &error));
    EXPECT(INVALID_VALUE, "step 2", optiformer_study_report(study, id, 2, INFINITY, &error));
    EXPECT(UNKNOWN_TRIAL, "5", optiformer_study_report(study, 5, 2, 1.0, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_report(NULL, id, 2, 1.0, &error));
    EXPECT(OK, NULL, optiformer_study_report(study, id, UINT64_MAX - 1, 6.5, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_tell_pruned(NULL, id, &error));
    EXPECT(UNKNOWN_TRIAL, "5", optiformer_study_tell_pruned(study, 5, &error));
    EXPECT(OK, NULL, optiformer_study_tell_pruned(study, id, &error));
    EXPECT(ALREADY_TOLD, NULL, optiformer_study_tell_pruned(study, id, &error));
    EXPECT(ALREADY_TOLD, NULL, optiformer_study_report(study, id, UINT64_MAX, 1.0, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    EXPECT(OK, NULL, optiformer_study_tell(study, id, 2.0, &error));
    EXPECT(OK, NULL, optiformer_study_trials(study, ids, states, NULL, read, 3, &count, &error));
    HOLD(count == 2 && states[0] == OPTIFORMER_PRUNED && states[1] == OPTIFORMER_FINISHED && isnan(read[0]) && read[1] == 2.0);
    EXPECT(OK, NULL, optiformer_study_counts(study, &finished, &failed, &pending, &error));
    HOLD(finished == 1 && failed == 0 && pending == 0);
    EXPECT(OK, NULL, optiformer_study_state_count(study, OPTIFORMER_PRUNED, &count, &error));
    HOLD(count == 1);
    EXPECT(OK, NULL, optiformer_study_reports(study, 0, NULL, NULL, 0, &count, &error));
    HOLD(count == 2);
    EXPECT(BUFFER_TOO_SMALL, "room for 1", optiformer_study_reports(study, 0, steps, read, 1, &count, &error));
    EXPECT(OK, NULL, optiformer_study_reports(study, 0, steps, read, 4, &count, &error));
    HOLD(steps[0] == 1 && read[0] == 8.0 && steps[1] == UINT64_MAX - 1 && read[1] == 6.5);
    EXPECT(OK, NULL, optiformer_study_reports(study, 1, steps, NULL, 4, &count, &error));
    HOLD(count == 0);
    EXPECT(UNKNOWN_TRIAL, "9", optiformer_study_reports(study, 9, steps, read, 4, &count, &error));
    EXPECT(NULL_POINTER, "count", optiformer_study_reports(study, 0, steps, read, 4, NULL, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_reports(NULL, 0, steps, read, 4, &count, &error));
    check_copy(study);
    optiformer_study_free(study);
}

/* What a trial at `values` measures. */
static void measure(const double *values, double *objectives, double *constraint) {
    objectives[0] = (values[0] - 1.0) * (values[0] - 1.0) + values[1];
    objectives[1] = values[0] - 0.25 * values[1];
    *constraint = values[0] + values[1] - 6.0;
}

/* A suggestion of a study is that of the stateless call, with a cache and without, and that call
 * ranks candidates too. */
static void without_a_study(const optiformer_space *space, const char *sampler, size_t objective_count, size_t constraint_count) {
    optiformer_study_options study_options = options_for(sampler);
    optiformer_suggest_options options;
    optiformer_study *study = NULL;
    optiformer_cache *cache = NULL;
    double history[TRIALS * WIDTH], losses[TRIALS * 2], constraint[TRIALS], values[WIDTH], plain[WIDTH], cached[WIDTH];
    double objectives[2], ratings[2];
    size_t trial, order[2];
    uint64_t id = 0;
    study_options.constraints = constraint_names;
    study_options.constraint_count = constraint_count;
    if (objective_count > 1) {
        study_options.objectives = objective_names;
        study_options.directions = directions;
        study_options.objective_count = objective_count;
    }
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.sampler = sampler;
    options.seed = study_options.seed;
    options.objective_count = objective_count;
    options.constraints = constraint;
    options.constraint_count = constraint_count;
    EXPECT(OK, NULL, optiformer_study_new(space, &study_options, &study, &error));
    EXPECT(OK, NULL, optiformer_cache_new(&cache, &error));
    for (trial = 0; trial < TRIALS; trial++) {
        EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
        options.number = trial;
        options.cache = NULL;
        EXPECT(OK, NULL, optiformer_suggest(space, &options, history, losses, trial, NULL, 0, plain, 1, &error));
        options.cache = cache;
        EXPECT(OK, NULL, optiformer_suggest(space, &options, history, losses, trial, NULL, 0, cached, 1, &error));
        HOLD(memcmp(values, plain, sizeof values) == 0 && memcmp(values, cached, sizeof values) == 0);
        measure(values, objectives, &constraint[trial]);
        memcpy(history + WIDTH * trial, values, sizeof values);
        if (trial % 7 == 5) {
            EXPECT(OK, NULL, optiformer_study_tell_failed(study, id, &error));
            losses[objective_count * trial] = NAN;
            losses[objective_count * trial + objective_count - 1] = NAN;
            constraint[trial] = NAN;
            continue;
        }
        EXPECT(OK, NULL,
               optiformer_study_tell_measured(study, id, objectives, objective_count, &constraint[trial], constraint_count, &error));
        losses[objective_count * trial] = objectives[0];
        if (objective_count > 1) {
            losses[objective_count * trial + 1] = -objectives[1];
        }
    }
    if (strcmp(sampler, "sobol") != 0) {
        EXPECT(OK, NULL, optiformer_choose(space, &options, history, losses, TRIALS, NULL, 0, history, 2, order, ratings, &error));
        HOLD(order[0] + order[1] == 1);
    }
    optiformer_cache_free(cache);
    optiformer_study_free(study);
}

static void objectives(const optiformer_space *space) {
    optiformer_study_options options = options_for("tpe");
    optiformer_explanation explanation;
    optiformer_study *study = NULL;
    double values[WIDTH], value = 0.0, measured[2], all[2 * TRIALS], constraint;
    uint64_t id = 0, ids[TRIALS];
    size_t count = 0, width = 0, front = 0, one, other;
    char text[512];
    options.objectives = objective_names;
    options.objective_count = 2;
    options.direction = OPTIFORMER_MAXIMIZE;
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    EXPECT(OK, NULL, optiformer_study_description(study, text, sizeof text, NULL, &error));
    HOLD(strstr(text, "{\"direction\":\"maximize\",\"name\":\"speed\"}") != NULL);
    optiformer_study_free(study);
    options.directions = directions;
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    EXPECT(OK, NULL, optiformer_study_description(study, text, sizeof text, NULL, &error));
    HOLD(strstr(text, "{\"direction\":\"minimize\",\"name\":\"error\"}") != NULL);
    for (one = 0; one < TRIALS; one++) {
        EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
        explanation.struct_size = sizeof explanation;
        EXPECT(OK, NULL, optiformer_study_explain(study, id, &explanation, &error));
        HOLD(isnan(explanation.median));
        measure(values, measured, &constraint);
        EXPECT(OK, NULL, optiformer_study_tell_measured(study, id, measured, 2, NULL, 0, &error));
    }
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    EXPECT(INVALID_VALUE, "2 objectives (error, speed)", optiformer_study_tell(study, id, 1.0, &error));
    EXPECT(INVALID_VALUE, "several objectives", optiformer_study_tell_pruned(study, id, &error));
    EXPECT(INVALID_VALUE, "several objectives", optiformer_study_report(study, id, 1, 1.0, &error));
    EXPECT(OK, NULL, optiformer_study_abandon(study, id, &error));
    EXPECT(NOT_FOUND, "several objectives", optiformer_study_best(study, &id, values, WIDTH, &value, &error));
    EXPECT(OK, NULL, optiformer_study_shape(study, NULL, &width, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_measurements(study, all, NULL, TRIALS, &count, &error));
    EXPECT(OK, NULL, optiformer_study_front(study, ids, TRIALS, &front, &error));
    HOLD(width == 2 && count == TRIALS && front > 1 && front < TRIALS);
    for (one = 0; one < TRIALS; one++) {
        int beaten = 0, listed = 0;
        for (other = 0; other < TRIALS; other++) {
            const double *a = all + 2 * one, *b = all + 2 * other;
            beaten |= b[0] <= a[0] && b[1] >= a[1] && (b[0] < a[0] || b[1] > a[1]);
        }
        for (other = 0; other < front; other++) {
            listed |= ids[other] == one;
        }
        HOLD(beaten != listed);
    }
    check_copy(study);
    optiformer_study_free(study);
}

/* A sampler that models constraints says how likely they are to hold. */
static void feasibility(const optiformer_space *space) {
    optiformer_study_options options = options_for("gp");
    optiformer_explanation explanation;
    optiformer_study *study = NULL;
    double values[WIDTH], objectives[2], constraint;
    uint64_t id = 0;
    int trial, predicted = 0;
    options.constraints = constraint_names;
    options.constraint_count = 1;
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    for (trial = 0; trial < TRIALS; trial++) {
        EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
        explanation.struct_size = sizeof explanation;
        EXPECT(OK, NULL, optiformer_study_explain(study, id, &explanation, &error));
        predicted += explanation.feasibility >= 0.0 && explanation.feasibility <= 1.0;
        measure(values, objectives, &constraint);
        EXPECT(OK, NULL, optiformer_study_tell_measured(study, id, objectives, 1, &constraint, 1, &error));
    }
    HOLD(predicted > 0);
    optiformer_study_free(study);
}

static void file(const char *path, const optiformer_space *space) {
    optiformer_study_options options = options_for("sobol");
    optiformer_study *study = NULL;
    double values[WIDTH], measured[2] = {1.0, 2.0}, constraint = -1.0;
    uint64_t id = 0;
    size_t count = 0, objectives = 0, constraints = 0;
    options.objectives = objective_names;
    options.directions = directions;
    options.objective_count = 2;
    options.constraints = constraint_names;
    options.constraint_count = 1;
    EXPECT(OK, NULL, optiformer_study_open(path, space, &options, &study, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    EXPECT(OK, NULL, optiformer_study_tell_measured(study, id, measured, 2, &constraint, 1, &error));
    optiformer_study_free(study);
    study = NULL;
    options.constraint_count = 2;
    EXPECT(INVALID_JOURNAL, "constraints", optiformer_study_open(path, space, &options, &study, &error));
    options.constraint_count = 1;
    options.directions = NULL;
    EXPECT(INVALID_JOURNAL, "objectives", optiformer_study_open(path, space, &options, &study, &error));
    options.directions = directions;
    EXPECT(OK, NULL, optiformer_study_open(path, space, &options, &study, &error));
    optiformer_study_free(study);
    EXPECT(OK, NULL, optiformer_study_open(path, NULL, NULL, &study, &error));
    EXPECT(OK, NULL, optiformer_study_shape(study, NULL, &objectives, &constraints, &error));
    EXPECT(OK, NULL, optiformer_study_front(study, &id, 1, &count, &error));
    HOLD(objectives == 2 && constraints == 1 && count == 1 && id == 0);
    optiformer_study_free(study);
}

static void refused_suggestions(const optiformer_space *space) {
    const double history[WIDTH] = {0.5, 3.0}, loss = 1.0;
    double out[WIDTH];
    optiformer_suggest_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.sampler = "random";
    options.constraint_count = 1;
    EXPECT(NULL_POINTER, "constraints", optiformer_suggest(space, &options, history, &loss, 1, NULL, 0, out, 1, &error));
    EXPECT(OK, NULL, optiformer_suggest(space, &options, NULL, NULL, 0, NULL, 0, out, 1, &error));
    options.constraint_count = SIZE_MAX;
    options.constraints = &loss;
    EXPECT(INVALID_VALUE, "constraints", optiformer_suggest(space, &options, history, &loss, 1, NULL, 0, out, 1, &error));
    options.constraint_count = 0;
    options.objective_count = SIZE_MAX;
    EXPECT(INVALID_VALUE, "losses", optiformer_suggest(space, &options, history, &loss, 1, NULL, 0, out, 1, &error));
}

int main(int count, char **arguments) {
    static const char *const samplers[] = {"random", "sobol", "tpe", "gp"};
    optiformer_space *space = NULL;
    size_t sampler;
    error.struct_size = sizeof error;
    if (count != 2 || optiformer_space_new(&space, NULL) || optiformer_space_add_float(space, "x", -5.0, 5.0, 0, 0.0, NULL) ||
        optiformer_space_add_int(space, "n", 0, 9, 0, 1, NULL)) {
        return 2;
    }
    refused_options(space);
    constraints(space);
    reports(space);
    objectives(space);
    feasibility(space);
    file(arguments[1], space);
    refused_suggestions(space);
    for (sampler = 0; sampler < 4; sampler++) {
        without_a_study(space, samplers[sampler], 1, 1);
        without_a_study(space, samplers[sampler], 2, 0);
        without_a_study(space, samplers[sampler], 2, 1);
    }
    optiformer_space_free(space);
    return failures == 0 ? 0 : 1;
}
