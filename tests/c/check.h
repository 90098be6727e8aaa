/* Checks of statuses and conditions, which count what fails. A program returns whether there were
 * failures. */
#ifndef CHECK_H
#define CHECK_H

#include "optiformer.h"

#include <stdio.h>
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

#endif
