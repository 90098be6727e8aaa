/* Checks of statuses and conditions, which count what fails. A program returns whether there were
 * failures. */
#ifndef CHECK_H
#define CHECK_H

#include "optiformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static optiformer_error error;
static int failures;

/* Counts a status that is not the wanted one, or an error message without this part. */
static inline void expect(int line, int status, int wanted, const char *part) {
    if (status != wanted || (part != NULL && strstr(error.message, part) == NULL)) {
        fprintf(stderr, "line %d: %s (%s), not %s with \"%s\"\n", line, optiformer_status_name(status), error.message,
                optiformer_status_name(wanted), part == NULL ? "" : part);
        failures++;
    }
}
#define EXPECT(wanted, part, call) expect(__LINE__, (call), OPTIFORMER_##wanted, (part))

/* Counts a condition that does not hold. */
static inline void hold(int line, int condition, const char *text) {
    if (!condition) {
        fprintf(stderr, "line %d: not so: %s\n", line, text);
        failures++;
    }
}
#define HOLD(condition) hold(__LINE__, (condition), #condition)

/* Options with a sampler and a seed, and else the defaults. */
static inline optiformer_study_options options_for(const char *sampler) {
    optiformer_study_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.sampler = sampler;
    options.seed = 9;
    return options;
}

/* The whole study as a text; to be freed. */
static inline char *saved(const optiformer_study *study) {
    size_t needed = 0;
    char *text;
    EXPECT(OK, NULL, optiformer_study_save(study, NULL, 0, &needed, &error));
    text = malloc(needed);
    if (text == NULL) {
        exit(2);
    }
    EXPECT(BUFFER_TOO_SMALL, "needed", optiformer_study_save(study, text, needed - 1, NULL, &error));
    EXPECT(OK, NULL, optiformer_study_save(study, text, needed, NULL, &error));
    HOLD(strlen(text) + 1 == needed);
    return text;
}

#endif
