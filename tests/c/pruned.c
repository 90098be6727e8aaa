/* Studies with a pruner, in memory and in the file that is the argument, and with a fidelity. */
#include "check.h"
#include "optiformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 2
#define TRIALS 24

/* A copy that was saved and restored. */
static optiformer_study *copied(const optiformer_study *study) {
    optiformer_study *copy = NULL;
    char *text = saved(study);
    EXPECT(OK, NULL, optiformer_study_restore(text, NULL, &copy, &error));
    free(text);
    return copy;
}

/* How many trials are in a state. */
static size_t state_count(const optiformer_study *study, int32_t state) {
    size_t count = 99;
    EXPECT(OK, NULL, optiformer_study_state_count(study, state, &count, &error));
    return count;
}

/* Whether the study would end the trial. */
static int stops(const optiformer_study *study, uint64_t id) {
    int32_t stops = -1;
    EXPECT(OK, NULL, optiformer_study_should_stop(study, id, &stops, &error));
    HOLD(stops == 0 || stops == 1);
    return stops == 1;
}

/* A trial that reports `value` at steps 1 to 4 until it is pruned; the last step. */
static uint64_t run_trial(optiformer_study *study, double value) {
    double values[WIDTH];
    uint64_t id = 0, step;
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    HOLD(!stops(study, id));
    for (step = 1; step <= 4; step++) {
        EXPECT(OK, NULL, optiformer_study_report(study, id, step, value, &error));
        if (stops(study, id)) {
            EXPECT(OK, NULL, optiformer_study_tell_pruned(study, id, &error));
            return step;
        }
    }
    EXPECT(OK, NULL, optiformer_study_tell(study, id, value, &error));
    return step;
}

static void refused_pruners(const optiformer_space *space) {
    static const char *const objective_names[] = {"error", "speed"};
    optiformer_study_options options = options_for("random");
    optiformer_study *study = NULL;
    options.pruner = "medium";
    EXPECT(INVALID_VALUE, "there is no \"medium\"", optiformer_study_new(space, &options, &study, &error));
    options.pruner = "";
    EXPECT(INVALID_VALUE, "pruner", optiformer_study_new(space, &options, &study, &error));
    options.pruner = "median:\xff";
    EXPECT(INVALID_TEXT, "pruner", optiformer_study_new(space, &options, &study, &error));
    options.pruner = "median";
    options.objectives = objective_names;
    options.objective_count = 2;
    EXPECT(INVALID_VALUE, "prunes no trials", optiformer_study_new(space, &options, &study, &error));
    HOLD(study == NULL);
}

static void pruner(const char *path, const optiformer_space *space) {
    static const char written[] = "\"pruner\":\"median:startup=2,warmup=1,interval=1,min_trials=1\"";
    optiformer_study_options options = options_for("random");
    optiformer_study *study = NULL, *copy;
    int32_t out = 7;
    size_t count = 0, failed = 9;
    char text[512];
    options.pruner = "median:startup=2,warmup=1";
    EXPECT(OK, NULL, optiformer_study_open(path, space, &options, &study, &error));
    EXPECT(OK, NULL, optiformer_study_description(study, text, sizeof text, NULL, &error));
    HOLD(strstr(text, written) != NULL);
    HOLD(run_trial(study, 1.0) == 5 && run_trial(study, 2.0) == 5);
    /* The median is 1.5. */
    HOLD(run_trial(study, 1.25) == 5 && run_trial(study, 1.75) == 1);
    EXPECT(OK, NULL, optiformer_study_counts(study, NULL, &failed, NULL, &error));
    HOLD(failed == 0 && state_count(study, OPTIFORMER_FAILED) == 0 && state_count(study, OPTIFORMER_PENDING) == 0);
    HOLD(state_count(study, OPTIFORMER_FINISHED) == 3 && state_count(study, OPTIFORMER_PRUNED) == 1);
    EXPECT(INVALID_VALUE, "state 4", optiformer_study_state_count(study, 4, &count, &error));
    EXPECT(INVALID_VALUE, "state -1", optiformer_study_state_count(study, -1, &count, &error));
    EXPECT(NULL_POINTER, "out", optiformer_study_state_count(study, 0, NULL, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_state_count(NULL, 0, &count, &error));
    EXPECT(ALREADY_TOLD, "trial 3", optiformer_study_should_stop(study, 3, &out, &error));
    EXPECT(UNKNOWN_TRIAL, "trial 9", optiformer_study_should_stop(study, 9, &out, &error));
    EXPECT(NULL_POINTER, "out", optiformer_study_should_stop(study, 9, NULL, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_should_stop(NULL, 9, &out, &error));
    HOLD(out == 7 && count == 0);
    copy = copied(study);
    HOLD(run_trial(copy, 1.75) == 1 && state_count(copy, OPTIFORMER_PRUNED) == 2);
    optiformer_study_free(copy);
    optiformer_study_free(study);
    study = NULL;
    /* The file's rule goes on, named or not; another one is refused. */
    options.pruner = "median";
    EXPECT(INVALID_JOURNAL, "its pruner is median:startup=2,", optiformer_study_open(path, space, &options, &study, &error));
    HOLD(study == NULL);
    options.pruner = "percentile:50,startup=2,warmup=1";
    EXPECT(OK, NULL, optiformer_study_open(path, space, &options, &study, &error));
    optiformer_study_free(study);
    options.pruner = NULL;
    EXPECT(OK, NULL, optiformer_study_open(path, space, &options, &study, &error));
    HOLD(run_trial(study, 1.75) == 1);
    optiformer_study_free(study);
    EXPECT(OK, NULL, optiformer_study_open(path, NULL, NULL, &study, &error));
    EXPECT(OK, NULL, optiformer_study_description(study, text, sizeof text, NULL, &error));
    HOLD(strstr(text, written) != NULL && run_trial(study, 1.75) == 1 && state_count(study, OPTIFORMER_PRUNED) == 3);
    optiformer_study_free(study);
    /* Without a rule nothing is ended. */
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    EXPECT(OK, NULL, optiformer_study_description(study, text, sizeof text, NULL, &error));
    HOLD(strstr(text, "\"pruner\":null") != NULL);
    HOLD(run_trial(study, 1.0) == 5 && run_trial(study, 2.0) == 5 && run_trial(study, 99.0) == 5);
    optiformer_study_free(study);
}

static void fidelity(void) {
    optiformer_study_options options = options_for("hyperband");
    optiformer_space *space = NULL, *read = NULL;
    optiformer_study *study = NULL;
    double all[TRIALS * WIDTH], values[WIDTH];
    uint64_t id = 0, source = 99;
    int trial, promotions = 0, from_the_start = 0;
    char json[512], again[512];
    EXPECT(OK, NULL, optiformer_space_new(&space, &error));
    EXPECT(INVALID_VALUE, "\"epochs\"", optiformer_space_set_fidelity(space, "epochs", &error));
    EXPECT(OK, NULL, optiformer_space_add_float(space, "x", -1.0, 1.0, 0, 0.0, &error));
    EXPECT(OK, NULL, optiformer_space_add_int(space, "epochs", 1, 9, 0, 1, &error));
    EXPECT(NULL_POINTER, "space", optiformer_space_set_fidelity(NULL, "epochs", &error));
    EXPECT(NULL_POINTER, "name", optiformer_space_set_fidelity(space, NULL, &error));
    EXPECT(INVALID_TEXT, "name", optiformer_space_set_fidelity(space, "\xff", &error));
    EXPECT(INVALID_SPACE, "\"x\": a fidelity needs low above zero", optiformer_space_set_fidelity(space, "x", &error));
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    EXPECT(UNSUPPORTED, "needs a space with a fidelity", optiformer_study_ask(study, &id, values, WIDTH, &error));
    optiformer_study_free(study);
    EXPECT(OK, NULL, optiformer_space_set_fidelity(space, "epochs", &error));
    EXPECT(OK, NULL, optiformer_space_set_fidelity(space, "epochs", &error));
    EXPECT(OK, NULL, optiformer_space_to_json(space, json, sizeof json, NULL, &error));
    HOLD(strstr(json, "\"fidelity\":true") != NULL);
    EXPECT(OK, NULL, optiformer_space_from_json(json, &read, &error));
    EXPECT(OK, NULL, optiformer_space_to_json(read, again, sizeof again, NULL, &error));
    HOLD(strcmp(json, again) == 0);
    optiformer_space_free(read);
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    for (trial = 0; trial < TRIALS; trial++) {
        double *row = all + WIDTH * trial;
        EXPECT(OK, NULL, optiformer_study_ask(study, &id, row, WIDTH, &error));
        if (optiformer_study_promoted_from(study, id, &source, &error) == OPTIFORMER_OK) {
            HOLD(source < id && all[WIDTH * source] == row[0] && all[WIDTH * source + 1] < row[1]);
            promotions++;
        } else {
            HOLD(error.status == OPTIFORMER_NOT_FOUND && strstr(error.message, "continues no other trial") != NULL);
            from_the_start++;
        }
        EXPECT(OK, NULL, optiformer_study_tell(study, id, row[0] * row[0] + 1.0 / row[1], &error));
    }
    HOLD(promotions > 0 && from_the_start > promotions);
    source = 99;
    EXPECT(UNKNOWN_TRIAL, "trial 77", optiformer_study_promoted_from(study, 77, &source, &error));
    EXPECT(NULL_POINTER, "out", optiformer_study_promoted_from(study, 0, NULL, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_promoted_from(NULL, 0, &source, &error));
    HOLD(source == 99);
    optiformer_study_free(study);
    /* Every other sampler hands out the highest fidelity. */
    options.sampler = "random";
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    HOLD(values[1] == 9.0);
    optiformer_study_free(study);
    optiformer_space_free(space);
}

/* What a document forbids stays forbidden when the space grows. */
static void forbidden(void) {
    static const char document[] =
        "{\"parameters\":[{\"name\":\"n\",\"type\":\"int\",\"low\":1,\"high\":3}],\"forbid\":[\"n == 2\"]}";
    optiformer_space *space = NULL;
    char json[512];
    EXPECT(OK, NULL, optiformer_space_from_json(document, &space, &error));
    EXPECT(OK, NULL, optiformer_space_add_int(space, "epochs", 1, 9, 0, 1, &error));
    EXPECT(INVALID_SPACE, "names the fidelity", optiformer_space_set_fidelity(space, "n", &error));
    EXPECT(OK, NULL, optiformer_space_set_fidelity(space, "epochs", &error));
    EXPECT(OK, NULL, optiformer_space_to_json(space, json, sizeof json, NULL, &error));
    HOLD(strstr(json, "\"forbid\":[\"n == 2\"]") != NULL && strstr(json, "\"fidelity\":true") != NULL);
    optiformer_space_free(space);
}

int main(int count, char **arguments) {
    optiformer_space *space = NULL;
    error.struct_size = sizeof error;
    if (count != 2 || optiformer_space_new(&space, NULL) || optiformer_space_add_float(space, "x", -5.0, 5.0, 0, 0.0, NULL) ||
        optiformer_space_add_int(space, "n", 0, 9, 0, 1, NULL)) {
        return 2;
    }
    refused_pruners(space);
    pruner(arguments[1], space);
    fidelity();
    forbidden();
    optiformer_space_free(space);
    return failures == 0 ? 0 : 1;
}
