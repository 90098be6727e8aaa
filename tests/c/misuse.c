/* Every function with what it must refuse: a status each time, and never a crash. */
#include "optiformer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static optiformer_error error;
static int failures;

static void expect(int line, int status, int wanted, const char *part) {
    if (status != wanted || (part != NULL && strstr(error.message, part) == NULL)) {
        fprintf(stderr, "line %d: %s (%s), not %s with \"%s\"\n", line, optiformer_status_name(status), error.message,
                optiformer_status_name(wanted), part == NULL ? "" : part);
        failures++;
    }
}
#define EXPECT(wanted, part, call) expect(__LINE__, (call), OPTIFORMER_##wanted, (part))

static void models(void) {
    optiformer_model *model = NULL;
    static const uint8_t garbage[64] = {255, 255, 255, 255, 255, 255, 255, 127, 1};
    char text[4];
    size_t needed = 0;
    EXPECT(NULL_POINTER, "path", optiformer_model_open(NULL, &model, &error));
    EXPECT(IO, "no/such/file", optiformer_model_open("no/such/file", &model, &error));
    EXPECT(INVALID_TEXT, "path", optiformer_model_open("\xff\xfe", &model, &error));
    EXPECT(NULL_POINTER, "bytes", optiformer_model_from_bytes(NULL, 5, &model, &error));
    EXPECT(INVALID_WEIGHTS, "byte", optiformer_model_from_bytes(NULL, 0, &model, &error));
    EXPECT(INVALID_WEIGHTS, "byte", optiformer_model_from_bytes(garbage, sizeof garbage, &model, &error));
    EXPECT(NULL_POINTER, "out", optiformer_model_builtin(NULL, &error));
    EXPECT(NULL_POINTER, "model", optiformer_model_description(NULL, text, 4, &needed, &error));
    if (model != NULL) {
        fprintf(stderr, "a failed call wrote its output\n");
        failures++;
    }
    EXPECT(OK, "", optiformer_model_builtin(&model, &error));
    EXPECT(BUFFER_TOO_SMALL, "needed", optiformer_model_description(model, text, 4, &needed, &error));
    EXPECT(NULL_POINTER, "buffer", optiformer_model_description(model, NULL, 0, NULL, &error));
    optiformer_model_free(model);
    optiformer_model_free(NULL);
}

static optiformer_space *spaces(void) {
    static const char *const choices[] = {"a", "a"};
    static const char *const holes[] = {"a", NULL};
    const double three = 3.0, one = 1.0;
    optiformer_space *space = NULL, *other = NULL;
    EXPECT(NULL_POINTER, "out", optiformer_space_new(NULL, &error));
    EXPECT(NULL_POINTER, "json", optiformer_space_from_json(NULL, &other, &error));
    EXPECT(INVALID_SPACE, "line 1", optiformer_space_from_json("{", &other, &error));
    EXPECT(INVALID_SPACE, "at least one", optiformer_space_from_json("{\"parameters\":[]}", &other, &error));
    EXPECT(OK, NULL, optiformer_space_new(&space, &error));
    EXPECT(INVALID_SPACE, "no parameters", optiformer_space_to_json(space, NULL, 0, (size_t *)&other, &error));
    EXPECT(NULL_POINTER, "space", optiformer_space_add_float(NULL, "x", 0, 1, 0, 0, &error));
    EXPECT(NULL_POINTER, "name", optiformer_space_add_float(space, NULL, 0, 1, 0, 0, &error));
    EXPECT(INVALID_SPACE, "\"x\"", optiformer_space_add_float(space, "x", 1, 0, 0, 0, &error));
    EXPECT(INVALID_SPACE, "\"x\"", optiformer_space_add_float(space, "x", 0, 1, 1, 0, &error));
    EXPECT(INVALID_SPACE, "\"x\"", optiformer_space_add_float(space, "x", NAN, 1, 0, 0, &error));
    EXPECT(INVALID_SPACE, "\"x\"", optiformer_space_add_float(space, "x", 0, INFINITY, 0, 0, &error));
    EXPECT(INVALID_SPACE, "\"x\"", optiformer_space_add_float(space, "x", 0, 1, 0, -1, &error));
    EXPECT(INVALID_SPACE, "empty", optiformer_space_add_float(space, "", 0, 1, 0, 0, &error));
    EXPECT(INVALID_SPACE, "\"n\"", optiformer_space_add_int(space, "n", INT64_MIN, INT64_MAX, 0, 0, &error));
    EXPECT(INVALID_SPACE, "\"n\"", optiformer_space_add_int(space, "n", 0, 5, 1, 0, &error));
    EXPECT(INVALID_SPACE, "twice", optiformer_space_add_categorical(space, "c", choices, 2, &error));
    EXPECT(INVALID_SPACE, "no choices", optiformer_space_add_categorical(space, "c", choices, 0, &error));
    EXPECT(NULL_POINTER, "choices[1]", optiformer_space_add_categorical(space, "c", holes, 2, &error));
    EXPECT(OK, NULL, optiformer_space_add_float(space, "x", 0, 1, 0, 0, &error));
    EXPECT(INVALID_SPACE, "twice", optiformer_space_add_float(space, "x", 0, 1, 0, 0, &error));
    EXPECT(OK, NULL, optiformer_space_add_int(space, "n", 1, 3, 0, 1, &error));
    EXPECT(INVALID_VALUE, "\"z\"", optiformer_space_set_condition(space, "z", "n", &three, 1, &error));
    EXPECT(INVALID_VALUE, "\"z\"", optiformer_space_set_condition(space, "x", "z", &three, 1, &error));
    EXPECT(INVALID_SPACE, "before", optiformer_space_set_condition(space, "x", "n", &three, 1, &error));
    EXPECT(INVALID_SPACE, "no values", optiformer_space_set_condition(space, "n", "x", NULL, 0, &error));
    EXPECT(INVALID_SPACE, "\"n\"", optiformer_space_set_condition(space, "n", "x", &one, 1, &error));
    if (optiformer_space_count(space) != 2 || optiformer_space_count(NULL) != 0) {
        fprintf(stderr, "a refused parameter stayed\n");
        failures++;
    }
    return space;
}

static void studies(const optiformer_space *space) {
    optiformer_study_options options;
    optiformer_study *study = NULL;
    double values[2] = {0.5, 2.0}, outside[2] = {1.5, 2.0}, value = 0.0;
    uint64_t id = 0;
    memset(&options, 0, sizeof options);
    EXPECT(INVALID_VALUE, "struct_size", optiformer_study_new(space, &options, &study, &error));
    options.struct_size = sizeof options;
    options.direction = 7;
    EXPECT(INVALID_VALUE, "direction", optiformer_study_new(space, &options, &study, &error));
    options.direction = OPTIFORMER_MAXIMISE;
    options.sampler = "no such sampler";
    EXPECT(INVALID_VALUE, "no such sampler", optiformer_study_new(space, &options, &study, &error));
    options.sampler = "tpe";
    EXPECT(NULL_POINTER, "space", optiformer_study_new(NULL, &options, &study, &error));
    EXPECT(NULL_POINTER, "out", optiformer_study_new(space, &options, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_new(space, &options, &study, &error));
    EXPECT(INVALID_VALUE, "3 values", optiformer_study_ask(study, &id, values, 3, &error));
    EXPECT(NULL_POINTER, "id", optiformer_study_ask(study, NULL, values, 2, &error));
    EXPECT(NULL_POINTER, "values", optiformer_study_ask(study, &id, NULL, 2, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_ask(NULL, &id, values, 2, &error));
    EXPECT(UNKNOWN_TRIAL, NULL, optiformer_study_tell(study, 99, 1.0, &error));
    EXPECT(OK, NULL, optiformer_study_ask(study, &id, values, 2, &error));
    EXPECT(OK, NULL, optiformer_study_tell(study, id, NAN, &error));
    EXPECT(ALREADY_TOLD, NULL, optiformer_study_tell(study, id, 1.0, &error));
    EXPECT(ALREADY_TOLD, NULL, optiformer_study_tell_failed(study, id, &error));
    EXPECT(NOT_FOUND, NULL, optiformer_study_best(study, &id, values, 2, &value, &error));
    EXPECT(INVALID_VALUE, "\"x\"", optiformer_study_add(study, outside, 2, 1.0, NULL, &error));
    EXPECT(INVALID_VALUE, "\"x\"", optiformer_study_enqueue(study, outside, 2, &error));
    EXPECT(NULL_POINTER, "values", optiformer_study_enqueue(study, NULL, 2, &error));
    EXPECT(OK, NULL, optiformer_study_add(study, values, 2, 4.0, NULL, &error));
    EXPECT(NULL_POINTER, "value", optiformer_study_best(study, &id, values, 2, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_counts(study, NULL, NULL, NULL, NULL));
    EXPECT(NULL_POINTER, "study", optiformer_study_counts(NULL, NULL, NULL, NULL, &error));
    optiformer_study_free(study);
    optiformer_study_free(NULL);
}

static void suggestions(const optiformer_space *space) {
    struct {
        optiformer_suggest_options options;
        uint64_t of_a_later_version;
    } later;
    double history[4] = {0.5, 2.0, 0.5, 2.5}, losses[2] = {1.0, INFINITY}, out[2] = {-7.0, -7.0};
    memset(&later, 0, sizeof later);
    later.options.struct_size = sizeof later;
    EXPECT(INVALID_VALUE, "history, row 1", optiformer_suggest(space, NULL, history, losses, 2, NULL, 0, out, 1, &error));
    EXPECT(NULL_POINTER, "losses", optiformer_suggest(space, NULL, history, NULL, 1, NULL, 0, out, 1, &error));
    EXPECT(NULL_POINTER, "pending", optiformer_suggest(space, NULL, NULL, NULL, 0, NULL, 1, out, 1, &error));
    EXPECT(NULL_POINTER, "out", optiformer_suggest(space, NULL, NULL, NULL, 0, NULL, 0, NULL, 1, &error));
    EXPECT(INVALID_VALUE, "history", optiformer_suggest(space, NULL, history, losses, SIZE_MAX, NULL, 0, out, 1, &error));
    EXPECT(INVALID_VALUE, "out", optiformer_suggest(space, NULL, NULL, NULL, 0, NULL, 0, out, SIZE_MAX / 4, &error));
    later.of_a_later_version = 1;
    EXPECT(UNSUPPORTED, "option", optiformer_suggest(space, &later.options, NULL, NULL, 0, NULL, 0, out, 1, &error));
    if (out[0] != -7.0) {
        fprintf(stderr, "a failed call wrote its output\n");
        failures++;
    }
    later.of_a_later_version = 0;
    EXPECT(OK, "", optiformer_suggest(space, &later.options, NULL, NULL, 0, NULL, 0, out, 1, &error));
}

int main(void) {
    optiformer_space *space;
    error.struct_size = sizeof error;
    models();
    space = spaces();
    studies(space);
    suggestions(space);
    optiformer_space_free(space);
    optiformer_space_free(NULL);
    return failures == 0 ? 0 : 1;
}
