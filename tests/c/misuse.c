/* Every function with what it must refuse: a status each time, and never a crash. The argument is a
 * weights file to damage. */
#include "check.h"
#include "optiformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A real weights file, cut short and with single bytes changed: always a status, and a model only
 * with OK. */
static void damaged_weights(const char *path) {
    FILE *file = fopen(path, "rb");
    long length;
    size_t size, cut, place;
    uint8_t *bytes;
    optiformer_model *model = NULL;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) <= 1024) {
        fprintf(stderr, "cannot read %s\n", path);
        failures++;
        return;
    }
    size = (size_t)length;
    bytes = malloc(size);
    rewind(file);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) {
        exit(2);
    }
    fclose(file);
    for (cut = 0; cut < size; cut = cut < 32 ? cut + 1 : cut * 2) {
        /* A copy of just this length: reading beyond it is seen by the memory checker. */
        uint8_t *part = malloc(cut + 1);
        memcpy(part, bytes, cut);
        EXPECT(INVALID_WEIGHTS, NULL, optiformer_model_from_bytes(part, cut, &model, &error));
        free(part);
    }
    EXPECT(INVALID_WEIGHTS, NULL, optiformer_model_from_bytes(bytes, size - 1, &model, &error));
    for (place = 0; place < 1024; place = place < 16 ? place + 1 : place + 61) {
        uint8_t saved = bytes[place];
        int status;
        bytes[place] = (uint8_t)(saved ^ 0x15);
        status = optiformer_model_from_bytes(bytes, size, &model, &error);
        if ((status == OPTIFORMER_OK) != (model != NULL) || status == OPTIFORMER_PANIC) {
            fprintf(stderr, "byte %zu changed: %s, %s\n", place, optiformer_status_name(status), error.message);
            failures++;
        }
        optiformer_model_free(model);
        model = NULL;
        bytes[place] = saved;
    }
    EXPECT(OK, NULL, optiformer_model_from_bytes(bytes, size, &model, &error));
    free(bytes);
    /* The bytes were copied. */
    EXPECT(OK, NULL, optiformer_model_description(model, NULL, 0, &size, &error));
    optiformer_model_free(model);
}

/* Every pointer of every function as NULL, the ones before it being good. */
static void nulls(void) {
    static const char *const choices[] = {"a", "b"};
    const double one = 1.0;
    optiformer_space *space = NULL;
    optiformer_study *study = NULL;
    double value = 0.5;
    char text[8];
    size_t needed = 0;
    uint64_t id = 0;
    EXPECT(NULL_POINTER, "out", optiformer_model_open("Cargo.toml", NULL, &error));
    EXPECT(NULL_POINTER, "out", optiformer_model_from_bytes((const uint8_t *)text, 8, NULL, &error));
    EXPECT(NULL_POINTER, "out", optiformer_space_from_json("{}", NULL, &error));
    EXPECT(OK, NULL, optiformer_space_new(&space, NULL));
    EXPECT(NULL_POINTER, "space", optiformer_space_add_int(NULL, "n", 0, 1, 0, 0, &error));
    EXPECT(NULL_POINTER, "name", optiformer_space_add_int(space, NULL, 0, 1, 0, 0, &error));
    EXPECT(NULL_POINTER, "space", optiformer_space_add_categorical(NULL, "c", choices, 2, &error));
    EXPECT(NULL_POINTER, "name", optiformer_space_add_categorical(space, NULL, choices, 2, &error));
    EXPECT(NULL_POINTER, "choices", optiformer_space_add_categorical(space, "c", NULL, 2, &error));
    EXPECT(OK, NULL, optiformer_space_add_float(space, "x", 0.0, 1.0, 0, 0.0, NULL));
    EXPECT(NULL_POINTER, "space", optiformer_space_set_condition(NULL, "x", "c", &one, 1, &error));
    EXPECT(NULL_POINTER, "name", optiformer_space_set_condition(space, NULL, "c", &one, 1, &error));
    EXPECT(NULL_POINTER, "parent", optiformer_space_set_condition(space, "x", NULL, &one, 1, &error));
    EXPECT(NULL_POINTER, "values", optiformer_space_set_condition(space, "x", "x", NULL, 1, &error));
    EXPECT(NULL_POINTER, "space", optiformer_space_name(NULL, 0, text, sizeof text, &needed, &error));
    EXPECT(NULL_POINTER, "buffer", optiformer_space_name(space, 0, NULL, 0, NULL, &error));
    EXPECT(INVALID_VALUE, "1 of 1", optiformer_space_name(space, 1, text, sizeof text, &needed, &error));
    EXPECT(BUFFER_TOO_SMALL, "2 bytes", optiformer_space_name(space, 0, text, 1, &needed, &error));
    EXPECT(NULL_POINTER, "space", optiformer_space_to_json(NULL, text, sizeof text, &needed, &error));
    EXPECT(NULL_POINTER, "buffer", optiformer_space_to_json(space, NULL, 0, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_new(space, NULL, &study, NULL));
    EXPECT(NULL_POINTER, "study", optiformer_study_tell(NULL, 0, 1.0, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_tell_failed(NULL, 0, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_add(NULL, &value, 1, 1.0, &id, &error));
    EXPECT(NULL_POINTER, "values", optiformer_study_add(study, NULL, 1, 1.0, &id, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_enqueue(NULL, &value, 1, &error));
    EXPECT(NULL_POINTER, "study", optiformer_study_best(NULL, &id, &value, 1, &value, &error));
    EXPECT(OK, NULL, optiformer_study_add(study, &value, 1, 1.0, &id, &error));
    EXPECT(NULL_POINTER, "values", optiformer_study_best(study, &id, NULL, 1, &value, &error));
    EXPECT(NULL_POINTER, "space", optiformer_suggest(NULL, NULL, NULL, NULL, 0, NULL, 0, &value, 1, &error));
    EXPECT(NULL_POINTER, "history", optiformer_suggest(space, NULL, NULL, &one, 1, NULL, 0, &value, 1, &error));
    EXPECT(OK, NULL, optiformer_suggest(space, NULL, NULL, NULL, 0, NULL, 0, NULL, 0, &error));
    EXPECT(NULL_POINTER, "candidates", optiformer_choose(space, NULL, NULL, NULL, 0, NULL, 0, NULL, 1, &needed, &value, &error));
    EXPECT(NULL_POINTER, "order", optiformer_choose(space, NULL, NULL, NULL, 0, NULL, 0, &one, 1, NULL, &value, &error));
    EXPECT(INVALID_VALUE, "candidates", optiformer_choose(space, NULL, NULL, NULL, 0, NULL, 0, NULL, 0, NULL, NULL, &error));
    EXPECT(OK, NULL, optiformer_choose(space, NULL, NULL, NULL, 0, NULL, 0, &one, 1, &needed, NULL, &error));
    /* Wrong counts, and places that no double can be at. */
    EXPECT(INVALID_VALUE, "2 values", optiformer_study_add(study, &value, 2, 1.0, &id, &error));
    EXPECT(INVALID_VALUE, "0 values", optiformer_study_enqueue(study, NULL, 0, &error));
    EXPECT(INVALID_VALUE, "0 values", optiformer_study_best(study, &id, NULL, 0, &value, &error));
    EXPECT(INVALID_VALUE, "aligned", optiformer_study_enqueue(study, (const double *)(const void *)((const char *)&value + 1), 1, &error));
    EXPECT(INVALID_VALUE, "aligned", optiformer_study_best(study, (uint64_t *)(void *)(text + 1), &value, 1, &value, &error));
    optiformer_study_free(study);
    optiformer_space_free(space);
}

/* Error structs of other sizes, and messages longer than they hold. */
static void errors(void) {
    optiformer_error none;
    char name[2000];
    optiformer_space *space = NULL;
    memset(&none, 0x55, sizeof none);
    none.struct_size = 0;
    EXPECT(NULL_POINTER, NULL, optiformer_space_new(NULL, &none));
    if (none.status != 0x55555555) {
        fprintf(stderr, "an error struct without a size was written\n");
        failures++;
    }
    EXPECT(OK, "", optiformer_space_new(&space, &error));
    /* 1999 two-byte characters, cut where the message is full. */
    for (size_t place = 0; place + 2 < sizeof name; place += 2) {
        memcpy(name + place, "\xc3\xa4", 2);
    }
    name[sizeof name - 2] = '\0';
    EXPECT(INVALID_SPACE, NULL, optiformer_space_add_float(space, name, 1.0, 0.0, 0, 0.0, &error));
    if (strlen(error.message) < sizeof error.message - 3 || strlen(error.message) >= sizeof error.message) {
        fprintf(stderr, "a long message has %zu bytes\n", strlen(error.message));
        failures++;
    }
    EXPECT(INVALID_TEXT, "name", optiformer_space_add_float(space, "\xc3", 0.0, 1.0, 0, 0.0, &error));
    if (strcmp(optiformer_status_name(OPTIFORMER_POISONED), "POISONED") != 0 ||
        strcmp(optiformer_status_name(-1), "UNKNOWN") != 0 || strcmp(optiformer_status_name(99), "UNKNOWN") != 0) {
        fprintf(stderr, "a status has another name\n");
        failures++;
    }
    optiformer_space_free(space);
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
    EXPECT(INVALID_SPACE, "[-1e308, 1e308] is wider", optiformer_space_add_float(space, "x", -1e308, 1e308, 0, 0, &error));
    EXPECT(INVALID_SPACE, "empty", optiformer_space_add_float(space, "", 0, 1, 0, 0, &error));
    EXPECT(INVALID_SPACE, "\"n\"", optiformer_space_add_int(space, "n", INT64_MIN, INT64_MAX, 0, 0, &error));
    EXPECT(INVALID_SPACE, "high 9007199254740993", optiformer_space_add_int(space, "n", 0, 9007199254740993, 0, 0, &error));
    EXPECT(INVALID_SPACE, "step", optiformer_space_add_int(space, "n", 0, 9, 0, INT64_MIN, &error));
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
    options.struct_size = sizeof options - 4;
    EXPECT(INVALID_VALUE, "struct_size", optiformer_study_new(space, &options, &study, &error));
    options.struct_size = sizeof options;
    options.direction = 7;
    EXPECT(INVALID_VALUE, "direction", optiformer_study_new(space, &options, &study, &error));
    options.direction = OPTIFORMER_MAXIMIZE;
    options.sampler = "no such sampler";
    EXPECT(INVALID_VALUE, "no such sampler", optiformer_study_new(space, &options, &study, &error));
    EXPECT(INVALID_VALUE, "hyperband and optiformer", optiformer_study_new(space, &options, &study, &error));
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

/* A call that fails leaves the cache as good as it was. */
static void caches(const optiformer_space *space, optiformer_suggest_options *options) {
    double history[4] = {0.5, 2.0, 0.5, 2.5}, losses[2] = {1.0, 2.0}, out[2];
    optiformer_cache *cache = NULL;
    EXPECT(NULL_POINTER, "out", optiformer_cache_new(NULL, &error));
    EXPECT(OK, NULL, optiformer_cache_new(&cache, &error));
    options->cache = (const optiformer_cache *)(const void *)((const char *)cache + 1);
    EXPECT(INVALID_VALUE, "cache is not aligned", optiformer_suggest(space, options, NULL, NULL, 0, NULL, 0, out, 1, &error));
    options->cache = cache;
    EXPECT(INVALID_VALUE, "history, row 1", optiformer_suggest(space, options, history, losses, 2, NULL, 0, out, 1, &error));
    EXPECT(INVALID_VALUE, "pending, row 1", optiformer_suggest(space, options, history, losses, 1, history, 2, out, 1, &error));
    EXPECT(OK, NULL, optiformer_suggest(space, options, history, losses, 1, NULL, 0, out, 1, &error));
    options->sampler = "no such sampler";
    EXPECT(INVALID_VALUE, "no such sampler", optiformer_suggest(space, options, history, losses, 1, NULL, 0, out, 1, &error));
    optiformer_cache_free(cache);
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
    caches(space, &later.options);
}

int main(int count, char **arguments) {
    optiformer_space *space;
    error.struct_size = sizeof error;
    if (count != 2) {
        return 2;
    }
    models();
    damaged_weights(arguments[1]);
    nulls();
    errors();
    space = spaces();
    studies(space);
    suggestions(space);
    optiformer_space_free(space);
    optiformer_space_free(NULL);
    return failures == 0 ? 0 : 1;
}
