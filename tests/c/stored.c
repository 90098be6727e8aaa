/* A study in the file that is the argument: begun, left with pending trials, opened again, read
 * back, saved and restored. */
#include "check.h"
#include "optiformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 2
#define MOST 64

typedef struct trials {
    uint64_t ids[MOST];
    int32_t states[MOST];
    double values[MOST * WIDTH], objectives[MOST];
    size_t count;
} trials;

static trials all(const optiformer_study *study) {
    trials of;
    memset(&of, 0, sizeof of);
    EXPECT(OK, NULL, optiformer_study_trials(study, of.ids, of.states, of.values, of.objectives, MOST, &of.count, &error));
    return of;
}

static double objective(const double *values) { return (values[0] - 1.0) * (values[0] - 1.0) + values[1]; }

/* The trial with this id is told, or failed. */
static void step(optiformer_study *study) {
    double values[WIDTH];
    uint64_t id = 0;
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    if (id % 5 == 3) {
        EXPECT(OK, NULL, optiformer_study_tell_failed(study, id, &error));
    } else {
        EXPECT(OK, NULL, optiformer_study_tell(study, id, objective(values), &error));
    }
}

static void results(const optiformer_space *space) {
    optiformer_study *study = NULL;
    const double values[WIDTH] = {1.0, 3.0};
    char text[1024];
    size_t needed = 0;
    EXPECT(OK, NULL, optiformer_study_new(space, NULL, &study, &error));
    EXPECT(OK, NULL, optiformer_study_add(study, values, WIDTH, 2.5, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_add(study, values, WIDTH, NAN, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_results(study, text, sizeof text, &needed, &error));
    HOLD(strlen(text) + 1 == needed && strstr(text, "\"best_score\":2.5") != NULL);
    HOLD(strstr(text, "\"num_evaluations\":2") != NULL && strstr(text, "\"num_feasible\":1") != NULL);
    EXPECT(BUFFER_TOO_SMALL, "needed", optiformer_study_results(study, text, needed - 1, NULL, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_results(NULL, text, sizeof text, NULL, &error));
    optiformer_study_free(study);
}

static void file(const char *path, const optiformer_space *space, optiformer_study_options *options) {
    optiformer_study *study = NULL, *other = NULL;
    optiformer_space *copy = NULL;
    const double good[WIDTH] = {1.0, 3.0};
    double values[WIDTH], pending[WIDTH], again[WIDTH];
    char text[512], expected[512];
    uint64_t id = 0, left = 0;
    trials before, after;
    EXPECT(IO, path, optiformer_study_open(path, NULL, NULL, &study, &error));
    EXPECT(OK, NULL, optiformer_study_open(path, space, options, &study, &error));
    EXPECT(IO, "another process", optiformer_study_open(path, space, options, &other, &error));
    EXPECT(OK, NULL, optiformer_study_enqueue(study, good, WIDTH, &error));
    while (id < 11) {
        step(study);
        id++;
    }
    EXPECT(OK, NULL, optiformer_study_add(study, good, WIDTH, 7.5, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    EXPECT(OK, NULL, optiformer_study_abandon(study, id, &error));
    EXPECT(UNKNOWN_TRIAL, "abandoned", optiformer_study_abandon(study, id, &error));
    EXPECT(UNKNOWN_TRIAL, "abandoned", optiformer_study_tell(study, id, 1.0, &error));
    EXPECT(ALREADY_TOLD, "11", optiformer_study_abandon(study, 11, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &left, pending, WIDTH, &error));
    before = all(study);
    HOLD(before.count == 13 && before.ids[11] == 11 && before.ids[12] == left && left == 13);
    HOLD(before.states[0] == OPTIFORMER_FINISHED && before.states[3] == OPTIFORMER_FAILED && before.states[12] == OPTIFORMER_PENDING);
    HOLD(before.values[0] == 1.0 && before.values[1] == 3.0 && before.objectives[0] == 3.0 && before.objectives[11] == 7.5);
    HOLD(isnan(before.objectives[3]) && isnan(before.objectives[12]));
    optiformer_study_free(study);

    /* Another study is refused, by what differs, and the file stays as it was. */
    options->seed++;
    EXPECT(INVALID_JOURNAL, "seed", optiformer_study_open(path, space, options, &other, &error));
    options->seed--;
    options->sampler = "random";
    EXPECT(INVALID_JOURNAL, "sampler", optiformer_study_open(path, space, options, &other, &error));
    options->sampler = "tpe";
    EXPECT(INVALID_JOURNAL, "direction", optiformer_study_open(path, space, NULL, &other, &error));
    HOLD(other == NULL);

    /* Opened without a space, it is the same study, and the pending trial comes first. */
    EXPECT(OK, NULL, optiformer_study_open(path, NULL, NULL, &study, &error));
    after = all(study);
    HOLD(memcmp(before.ids, after.ids, sizeof before.ids) == 0 && memcmp(before.states, after.states, sizeof before.states) == 0);
    HOLD(memcmp(before.values, after.values, sizeof before.values) == 0);
    EXPECT(OK, NULL, optiformer_study_description(study, text, sizeof text, NULL, &error));
    HOLD(strstr(text, "\"maximize\"") != NULL && strstr(text, "\"tpe\"") != NULL && strstr(text, "\"seed\":21") != NULL &&
         strstr(text, "\"note\":null") != NULL);
    EXPECT(OK, NULL, optiformer_study_space(study, &copy, &error));
    EXPECT(OK, NULL, optiformer_space_to_json(copy, text, sizeof text, NULL, &error));
    EXPECT(OK, NULL, optiformer_space_to_json(space, expected, sizeof expected, NULL, &error));
    HOLD(strcmp(text, expected) == 0);
    optiformer_space_free(copy);
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, again, WIDTH, &error));
    HOLD(id == left && memcmp(pending, again, sizeof pending) == 0);
    step(study);
    optiformer_study_free(study);
}

/* A torn last line is dropped, with a note; damage before it is refused. */
static void damage(const char *path) {
    optiformer_study *study = NULL;
    char text[512];
    FILE *stream = fopen(path, "ab");
    if (stream == NULL) {
        exit(2);
    }
    fputs("{\"tell\":{\"id\":13,", stream);
    fclose(stream);
    EXPECT(OK, NULL, optiformer_study_open(path, NULL, NULL, &study, &error));
    EXPECT(OK, NULL, optiformer_study_description(study, text, sizeof text, NULL, &error));
    HOLD(strstr(text, "was not finished") != NULL);
    optiformer_study_free(study);
    study = NULL;
    stream = fopen(path, "ab");
    if (stream == NULL) {
        exit(2);
    }
    fputs("nothing\n{}\n", stream);
    fclose(stream);
    EXPECT(INVALID_JOURNAL, "byte", optiformer_study_open(path, NULL, NULL, &study, &error));
    HOLD(study == NULL);
}

/* A restored study goes on as the one that was saved. */
static void buffer(const optiformer_space *space, const optiformer_study_options *options) {
    optiformer_study *study = NULL, *restored = NULL;
    const double good[WIDTH] = {0.5, 2.0};
    double values[WIDTH], others[WIDTH];
    uint64_t id = 0, other = 0;
    size_t count = 0;
    char *text, *again;
    int trial;
    EXPECT(OK, NULL, optiformer_study_new(space, options, &study, &error));
    for (trial = 0; trial < 14; trial++) {
        step(study);
    }
    for (trial = 0; trial < 3; trial++) {
        EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
    }
    EXPECT(OK, NULL, optiformer_study_abandon(study, id - 1, &error));
    EXPECT(OK, NULL, optiformer_study_enqueue(study, good, WIDTH, &error));
    text = saved(study);
    EXPECT(OK, NULL, optiformer_study_restore(text, NULL, &restored, &error));
    again = saved(restored);
    HOLD(strcmp(text, again) == 0);
    free(again);
    /* The enqueued one, then what the sampler says. */
    for (trial = 0; trial < 4; trial++) {
        EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, WIDTH, &error));
        EXPECT(OK, NULL, optiformer_study_ask(restored, &other, others, WIDTH, &error));
        HOLD(id == other && memcmp(values, others, sizeof values) == 0);
        HOLD(trial > 0 || (values[0] == 0.5 && values[1] == 2.0));
    }
    EXPECT(OK, NULL, optiformer_study_offer_pending(restored, &error));
    EXPECT(OK, NULL, optiformer_study_ask(restored, &other, others, WIDTH, &error));
    HOLD(other == 14);
    EXPECT(BUFFER_TOO_SMALL, "room for 3", optiformer_study_trials(study, &id, NULL, NULL, NULL, 3, &count, &error));
    HOLD(count == 20);
    count = 0;
    EXPECT(OK, NULL, optiformer_study_trials(study, NULL, NULL, NULL, NULL, 0, &count, &error));
    HOLD(count == 20);
    optiformer_study_free(restored);
    restored = NULL;
    text[strlen(text) - 9] = '\0';
    EXPECT(INVALID_JOURNAL, "cut off", optiformer_study_restore(text, NULL, &restored, &error));
    EXPECT(INVALID_JOURNAL, "byte 0", optiformer_study_restore("", NULL, &restored, &error));
    EXPECT(NULL_POINTER, "text", optiformer_study_restore(NULL, NULL, &restored, &error));
    EXPECT(NULL_POINTER, "count", optiformer_study_trials(study, NULL, NULL, NULL, NULL, 0, NULL, &error));
    EXPECT(NULL_POINTER, "path", optiformer_study_open(NULL, space, NULL, &restored, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_save(NULL, text, 1, NULL, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_abandon(NULL, 0, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_offer_pending(NULL, &error));
    EXPECT(NULL_POINTER, "out", optiformer_study_space(study, NULL, &error));
    EXPECT(NULL_POINTER, "buffer", optiformer_study_description(study, NULL, 0, NULL, &error));
    HOLD(restored == NULL);
    free(text);
    optiformer_study_free(study);
}

int main(int count, char **arguments) {
    optiformer_study_options options;
    optiformer_space *space = NULL;
    error.struct_size = sizeof error;
    if (count != 2 || optiformer_space_new(&space, NULL) || optiformer_space_add_float(space, "x", -5.0, 5.0, 0, 0.0, NULL) ||
        optiformer_space_add_int(space, "n", 0, 9, 0, 1, NULL)) {
        return 2;
    }
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.direction = OPTIFORMER_MAXIMIZE;
    options.sampler = "tpe";
    options.seed = 21;
    file(arguments[1], space, &options);
    damage(arguments[1]);
    buffer(space, &options);
    results(space);
    optiformer_space_free(space);
    return failures == 0 ? 0 : 1;
}
